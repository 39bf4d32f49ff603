/** The log under power loss: hundreds of seeds, each with several crashes, errors and restarts. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "vitest";
import { isKurobeError } from "../../src/core/errors.ts";
import { type Log } from "../../src/log/log.ts";
import {
  describeEntry,
  inParts,
  openSmallLog,
  randomEntry,
  readAll,
  SMALL_SETTINGS,
} from "./log-fixture.ts";
import { type Random, seededRandom } from "./random.ts";
import { SimCrash, SimDisk } from "./sim-disk.ts";

const SEEDS = Number(process.env["KUROBE_LOG_SEEDS"] ?? 300);
const ROUNDS = 4;
/** Groups of several entries and many sectors: their middle can be lost, and not their end. */
const SETTINGS = { ...SMALL_SETTINGS, groupBytes: 7000, segmentBytes: 9000 };

/** What a correct log may hold, told only what its callers were told. */
class Expectation {
  /** By position; what was attempted and not definitely refused. */
  readonly entries = new Map<number, string>();
  /** Everything below was acknowledged. */
  acknowledged = 1;
  /** Nothing below this was kept on purpose; the files may still hold some. */
  retained = 1;

  attempt(position: number, line: string): void {
    this.entries.set(position, line);
  }

  /** Undone for good: neither this entry nor those after it may come back. */
  refuse(position: number): void {
    for (const key of this.entries.keys()) if (key >= position) this.entries.delete(key);
  }

  /** After a restart what is there is the truth, if it is one that could be. */
  check(first: number, next: number, lines: readonly string[]): void {
    assert.ok(first <= this.retained, `${first} is first, but ${this.retained} had to be kept`);
    assert.ok(next >= this.acknowledged, `${next} is next, ${this.acknowledged} was before`);
    const expected = Array.from({ length: next - first }, (_, i) => this.entries.get(first + i));
    assert.deepStrictEqual(lines, expected);
    this.acknowledged = next;
    this.refuse(next);
  }
}

async function appendSome(
  log: Log,
  random: Random,
  model: Expectation,
  counter: { value: number },
): Promise<boolean> {
  const waiting: Promise<void>[] = [];
  const count = 1 + random.below(8);
  for (let i = 0; i < count; i += 1) {
    counter.value += 1;
    const entry = randomEntry(random, counter.value);
    const { position, durable } = log.append(entry.header, inParts(entry.body, random));
    model.attempt(position, describeEntry(position, entry));
    waiting.push(
      durable.then(
        () => {
          assert.equal(position, model.acknowledged, "acknowledged out of order");
          model.acknowledged = position + 1;
        },
        (error: unknown) => {
          if (!isKurobeError(error, "KRB_LOG_STOPPED")) model.refuse(position);
          throw error;
        },
      ),
    );
    if (random.chance(0.4)) await Promise.resolve();
  }
  const outcomes = await Promise.allSettled(waiting);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected" && !isLogError(outcome.reason)) throw outcome.reason;
  }
  // A log that stopped has to be opened again, which the end of the round does.
  return outcomes.some(
    (o) => o.status === "rejected" && isKurobeError(o.reason, "KRB_LOG_STOPPED"),
  );
}

function isLogError(error: unknown): boolean {
  return isKurobeError(error) && error.code.startsWith("KRB_LOG_") && !isDamage(error);
}

function isDamage(error: unknown): boolean {
  return isKurobeError(error, "KRB_LOG_DAMAGED");
}

async function useLog(
  disk: SimDisk,
  random: Random,
  model: Expectation,
  counter: { value: number },
): Promise<void> {
  await using log = await openSmallLog(join(disk.root, "log"), { disk, settings: SETTINGS });
  model.check(log.firstPosition, log.nextPosition, await readAll(log));
  const steps = random.below(12);
  for (let step = 0; step < steps; step += 1) {
    if (random.chance(0.1)) await log.roll();
    if (random.chance(0.15)) {
      const position = 1 + random.below(model.acknowledged);
      model.retained = Math.max(model.retained, position);
      await log.retainFrom(position);
    }
    if (await appendSome(log, random, model, counter)) return;
    if (random.chance(0.2)) {
      const lines = await readAll(log);
      assert.equal(lines.at(-1), model.entries.get(model.acknowledged - 1));
    }
  }
}

async function simulate(seed: number): Promise<void> {
  const random = seededRandom(seed);
  await using disk = new SimDisk();
  const model = new Expectation();
  const counter = { value: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const style = random.pick(["crash", "crash", "crash", "error", "error", "orderly"] as const);
    const at = 1 + random.below(60);
    if (style === "crash") disk.failAt(at, random.pick(["before", "after"]));
    if (style === "error")
      disk.injectError(at, random.pick(["ENOSPC", "EIO"]), random.pick([1, 3]));
    try {
      await useLog(disk, random, model, counter);
    } catch (error) {
      // A stopped machine and a failing disk end a round; a wrong log ends the test.
      const isExpected = error instanceof SimCrash || disk.hasCrashed || isLogError(error);
      if (!isExpected || isAssertion(error) || isDamage(error)) throw error;
    }
    disk.disarm();
    const losesPower = style === "crash" || random.chance(0.6);
    if (losesPower || disk.hasCrashed) await disk.crash(random.below(2 ** 31));
  }
  await useLog(disk, random, model, counter);
}

function isAssertion(error: unknown): boolean {
  return error instanceof Error && error.name === "AssertionError";
}

describe("the log under power loss", () => {
  const block = 50;
  for (let from = 0; from < SEEDS; from += block) {
    it(`keeps what it acknowledged, in order, and invents nothing: seeds ${from} and on`, async () => {
      for (let seed = from; seed < Math.min(from + block, SEEDS); seed += 1) {
        try {
          await simulate(seed);
        } catch (error) {
          throw new Error(`Seed ${seed} failed`, { cause: error });
        }
      }
    });
  }
});
