/**
 * The whole engine under power loss: what was acknowledged is there once, and windows equal one
 * query.
 */
import { describe, expect, test } from "vitest";
import { isKurobeError } from "../../src/core/errors.ts";
import { type Outcome } from "../../src/engine/engine.ts";
import { type Platform } from "../../src/platform/open-platform.ts";
import { contentsOf, EVENTS, openSimulated, STATES } from "./engine-fixture.ts";
import { type Random, seededRandom } from "./random.ts";
import { SimDisk } from "./sim-disk.ts";

const SEEDS = Number(process.env["KUROBE_ENGINE_SEEDS"] ?? 8);
const FIRST_SEED = Number(process.env["KUROBE_SEED"] ?? 1);
const ROUNDS = 4;
const START_US = 1_767_225_600_000_000;

interface Request {
  readonly key: string;
  readonly dataset: string;
  readonly body: Uint8Array;
  readonly ids: readonly number[];
  acknowledged: boolean;
}

/**
 * A client that keeps what it sent, and sends it again with the same key until it has an answer.
 */
class Client {
  readonly requests: Request[] = [];
  #nextId = 1;

  make(random: Random): Request {
    const dataset = random.chance(0.5) ? EVENTS.name : STATES.name;
    const ids: number[] = [];
    const lines: string[] = [];
    for (let count = 1 + random.below(6); count > 0; count--) {
      const id = this.#nextId++;
      ids.push(id);
      // Time goes on, with rows up to three minutes late; seconds only, so that keys repeat.
      const second = this.requests.length * 7 - random.below(180);
      const at = new Date((START_US + second * 1_000_000) / 1000).toISOString();
      lines.push(JSON.stringify({ at, id, name: random.pick(["a", "b"]) }));
    }
    const request = {
      key: `r${this.requests.length}`,
      dataset,
      body: Buffer.from(lines.join("\n")),
      ids,
      acknowledged: false,
    };
    this.requests.push(request);
    return request;
  }
}

async function send(platform: Platform, request: Request): Promise<Outcome> {
  const outcome = await platform.ingest.accept({
    dataset: request.dataset,
    format: "ndjson",
    body: request.body,
    onInvalid: "dead_letter",
    producer: "",
    idempotencyKey: request.key,
  });
  expect(outcome).toMatchObject({ kind: "applied", accepted: request.ids.length });
  request.acknowledged = true;
  return outcome;
}

/** Several at once, so that groups form; failures are the crash, and are sent again later. */
async function sendSome(platform: Platform, random: Random, client: Client): Promise<void> {
  const waiting = client.requests.filter((one) => !one.acknowledged);
  const fresh = Array.from({ length: 1 + random.below(10) }, () => client.make(random));
  await Promise.allSettled([...waiting, ...fresh].map(async (one) => send(platform, one)));
  if (random.chance(0.5)) await platform.engine.checkpoint("simulated").catch(() => undefined);
}

async function checkContents(platform: Platform, client: Client): Promise<void> {
  for (const dataset of [EVENTS, STATES]) {
    const { rows, windows, expected } = await contentsOf(platform, dataset);
    const ids = new Set(rows.map((row) => Number(row.split(" ")[2])));
    expect(ids.size, "a row is there twice").toBe(rows.length);
    const known = client.requests.filter((one) => one.dataset === dataset.name);
    for (const id of ids) {
      expect(
        known.some((one) => one.ids.includes(id)),
        `row ${id} was never sent`,
      ).toBe(true);
    }
    if (dataset === EVENTS) {
      for (const { acknowledged, ids: sent } of known) {
        const stored = sent.filter((id) => ids.has(id)).length;
        if (acknowledged) expect(stored, "an acknowledged batch is gone").toBe(sent.length);
        else expect([0, sent.length], "half a batch is there").toContain(stored);
      }
    }
    expect(windows).toEqual(expected);
  }
}

async function runSeed(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const client = new Client();
  await using disk = new SimDisk();
  for (let round = 0; round < ROUNDS; round++) {
    if (random.chance(0.8))
      disk.failAt(1 + random.below(120), random.chance(0.5) ? "before" : "after");
    let platform: Platform | undefined;
    try {
      platform = await openSimulated(disk);
      await checkContents(platform, client);
      for (let turns = 1 + random.below(3); turns > 0; turns--)
        await sendSome(platform, random, client);
      if (!disk.hasCrashed) await checkContents(platform, client);
    } catch (error) {
      if (!disk.hasCrashed) throw error;
    }
    await platform?.[Symbol.asyncDispose]().then(undefined, () => undefined);
    await disk.crash(seed * 100 + round);
    disk.disarm();
  }
  const platform = await openSimulated(disk);
  await Promise.all(client.requests.map(async (one) => send(platform, one)));
  await checkContents(platform, client);
  const before = [await contentsOf(platform, EVENTS), await contentsOf(platform, STATES)];
  await platform[Symbol.asyncDispose]();
  await using again = await openSimulated(disk);
  expect([await contentsOf(again, EVENTS), await contentsOf(again, STATES)]).toEqual(before);
}

describe("after a power loss at any point", () => {
  const seeds = Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index);
  test.each(seeds)(
    "seed %i: acknowledged rows are there once, windows equal one query",
    async (seed) => {
      try {
        await runSeed(seed);
      } catch (error) {
        if (isKurobeError(error))
          throw new Error(`${error.code}: ${error.message}`, { cause: error });
        throw error;
      }
    },
    300_000,
  );
});
