/**
 * Delivery under power loss: whatever state the disk comes back in, a receiver that fails now and
 * then ends up with the rows and results that are stored, and with nothing that never was.
 */
import { describe, expect, test } from "vitest";
import { type Plan, type SinkPlan } from "../../src/plan/plan.ts";
import { type Platform } from "../../src/platform/open-platform.ts";
import { type DeliveryReceiver, openDeliveryReceiver } from "../support/delivery-receiver.ts";
import { openSimulated, PLAN } from "./engine-fixture.ts";
import { type Random, seededRandom } from "./random.ts";
import { SimDisk } from "./sim-disk.ts";

const SEEDS = Number(process.env["KUROBE_ENGINE_SEEDS"] ?? 2);
const FIRST_SEED = Number(process.env["KUROBE_SEED"] ?? 1);
const ROUNDS = 4;
const START_MS = Date.UTC(2026, 0, 1);

const SOURCES = ["events", "states", "events_1m", "events_3m", "states_hop", "events_visits"];

function planTo(url: string): Plan {
  const sinks = SOURCES.map((from): SinkPlan => ({
    ...{ kind: "webhook", name: `of_${from}`, from, url, secret: null, headers: {} },
    ...{ start: "earliest", whenRejected: "block", maxBacklog: null, batch: 10, concurrency: 2 },
    retry: { firstUs: 1_000, maxUs: 10_000 },
    timeoutUs: 5_000_000,
    allowPrivateAddresses: true,
  }));
  return { ...PLAN, sinks };
}

/** Sends until each body is acknowledged, with the same key. */
class Client {
  readonly #random: Random;
  readonly #open = new Map<string, string>();
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  async send(platform: Platform, fresh: number): Promise<void> {
    for (let i = 0; i < fresh; i++) {
      const dataset = this.#random.chance(0.5) ? "events" : "states";
      this.#open.set(`${dataset} ${++this.#next}`, this.#body());
    }
    const sending = [...this.#open].map(async ([key, body]) => {
      await platform.ingest.accept({
        ...{ dataset: key.split(" ")[0] ?? "", format: "ndjson", body: Buffer.from(body) },
        ...{ onInvalid: "dead_letter", producer: "", idempotencyKey: key },
      });
      this.#open.delete(key);
    });
    await Promise.allSettled(sending);
  }

  /** Rows up to three minutes late, a second apart, so that keys repeat. */
  #body(): string {
    const lines = Array.from({ length: 1 + this.#random.below(6) }, (_, index) => {
      const second = this.#next * 7 - this.#random.below(180);
      const at = new Date(START_MS + second * 1000).toISOString();
      const id = this.#next * 10 + index;
      return JSON.stringify({ at, id, name: this.#random.pick(["a", "b"]) });
    });
    return lines.join("\n");
  }
}

async function untilDelivered(platform: Platform): Promise<void> {
  while (platform.sinks.status().some(({ lagRows }) => lagRows > 0))
    await new Promise((wake) => setTimeout(wake, 10));
}

/** The newest row of each key, without those that were taken back, as sorted JSON. */
async function stored(platform: Platform, relation: string): Promise<readonly string[]> {
  const { engine } = platform;
  const key = engine.relations.planOf(relation)?.key ?? [];
  const newest = new Map<string, string | null>();
  for (const change of await engine.changes(relation, { afterSeq: 0, limit: 100_000 })) {
    const name = key.length === 0 ? change.seq : JSON.stringify(key.map((one) => change.row[one]));
    // What an open window comes to so far is not delivered.
    if (change.row["revision"] === 0) continue;
    newest.set(String(name), change.isDeleted ? null : JSON.stringify(change.row));
  }
  return [...newest.values()].filter((row) => row !== null).toSorted();
}

async function runSeed(seed: number, receiver: DeliveryReceiver): Promise<void> {
  const random = seededRandom(seed);
  const plan = planTo(receiver.url);
  const client = new Client(random);
  await using disk = new SimDisk();
  for (let round = 0; round < ROUNDS; round++) {
    if (random.chance(0.8))
      disk.failAt(1 + random.below(200), random.chance(0.5) ? "before" : "after");
    let platform: Platform | undefined;
    try {
      platform = await openSimulated(disk, plan);
      for (let turns = 1 + random.below(3); turns > 0; turns--) {
        await client.send(platform, 1 + random.below(10));
        // Some rows are on their way when the power goes, some have arrived.
        await new Promise((wake) => setTimeout(wake, random.below(30)));
        if (random.chance(0.5))
          await platform.engine.checkpoint("simulated").catch(() => undefined);
      }
    } catch (error) {
      if (!disk.hasCrashed) throw error;
    }
    await platform?.[Symbol.asyncDispose]().then(undefined, () => undefined);
    await disk.crash(seed * 100 + round);
    disk.disarm();
    receiver.nextLife();
  }
  receiver.behave();
  await using platform = await openSimulated(disk, plan);
  await client.send(platform, 5);
  await untilDelivered(platform);
  expect(receiver.ledger.wrong).toEqual([]);
  for (const source of SOURCES) {
    expect(receiver.ledger.held(source)).toEqual(await stored(platform, source));
  }
}

describe("after a power loss at any point", () => {
  const seeds = Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index);
  test.each(seeds)("seed %i: a receiver has what is stored, and nothing else", async (seed) => {
    await using receiver = await openDeliveryReceiver(seededRandom(seed));
    await runSeed(seed, receiver);
  });
});
