/** A cluster whose slots move while the load runs: nothing fails, and nothing is missed. */
import { afterEach, describe, expect, it } from "vitest";
import { ask, ENGINES, moveSlot, startCluster } from "../../../test/support/resp-servers.ts";
import { slotOf } from "../target/slot.ts";
import { type LocalServer } from "../target/local-server.ts";
import { kvWorkload } from "../workload/kv.ts";
import { structureWorkload } from "../workload/structures.ts";
import { type Workload } from "../workload/workload.ts";
import { readRedirect } from "./couriers.ts";
import { cleanKeys, fillKeys } from "./fill.ts";
import { Load } from "./load.ts";
import { allLatencies } from "./outcome.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** Where the slots of the three masters end. */
const CLUSTER_ENDS = [5460, 10_922, 16_383] as const;

/** One key in each of 60 slots: every slot that moves is asked for all the time. */
const KEYS = 60;

const KV = kvWorkload({
  mix: { get: 60, set: 20, mget: 10, incr: 10 },
  keyCount: KEYS,
  distribution: { kind: "uniform" },
  value: { kind: "fixed", bytes: 16 },
  hitRatio: 1,
  ttlSeconds: 0,
  batch: 3,
  prefix: "kurobe-test:",
});

async function openLoad([server]: readonly LocalServer[], workload: Workload): Promise<Load> {
  if (server === undefined) throw new Error("a cluster has a server");
  const load = await Load.open({
    target: { ...server.target, isCluster: true },
    workload,
    connections: 9,
    depth: 4,
    seed: 1,
    timeoutMs: 5000,
  });
  opened.push(load);
  return load;
}

/** To the next master, slowly enough to be seen. */
async function migrate(servers: readonly LocalServer[], slot: number): Promise<void> {
  const owner = CLUSTER_ENDS.findIndex((end) => slot <= end);
  const [from, to] = [servers[owner], servers[(owner + 1) % 3]];
  if (from === undefined || to === undefined) throw new Error("a slot has an owner");
  await moveSlot(slot, [from, to], servers, 80);
}

describe.each(ENGINES)("%s", (engine) => {
  it("answers all operations while slots move, one by one", async () => {
    const cluster = await startCluster(engine);
    opened.push(cluster);
    const { servers } = cluster;
    const load = await openLoad(servers, KV);
    await fillKeys(load, KV);
    const sizes = async (): Promise<number> => {
      const all = await Promise.all(servers.map((server) => ask(server, "DBSIZE")));
      return all.reduce<number>((sum, size) => sum + Number(size), 0);
    };
    const filled = await sizes();
    const done = new AbortController();
    const running = load.run({
      pace: { kind: "closed" },
      durationMs: 60_000,
      requests: Number.POSITIVE_INFINITY,
      intervalMs: 100,
      signal: done.signal,
    });
    for (const tag of [0, 1, 2, 3, 4, 5]) {
      await migrate(servers, slotOf(`{${String(tag).padStart(4, "0")}}`));
    }
    done.abort();
    const outcome = await running;
    expect([outcome.samples, outcome.errors]).toEqual([[], {}]);
    expect(outcome.operations.map(({ misses }) => misses)).toEqual([0, 0, 0, 0]);
    const mget = outcome.operations[2];
    expect(mget?.elements).toBe((mget?.succeeded ?? Number.NaN) * 3);
    expect(outcome.moved).toBeGreaterThan(0);
    expect(outcome.asked).toBeGreaterThan(0);
    const succeeded = outcome.operations.reduce((sum, each) => sum + each.succeeded, 0);
    expect(allLatencies(outcome).count).toBe(succeeded);
    expect(await sizes()).toBe(filled);
    await cleanKeys(load, KV);
    expect(await sizes()).toBe(0);
  });
});

it("misses as many keys of MGETs as the nodes do, half of them where half are there", async () => {
  const cluster = await startCluster("redis");
  opened.push(cluster);
  const { servers } = cluster;
  const workload = kvWorkload({
    ...{ mix: { mget: 1 }, keyCount: 2500, distribution: { kind: "uniform" }, ttlSeconds: 0 },
    ...{ value: { kind: "fixed", bytes: 16 }, hitRatio: 0.5, batch: 10, prefix: "kurobe-test:" },
  });
  const load = await openLoad(servers, workload);
  await fillKeys(load, workload);
  for (const server of servers) await ask(server, "CONFIG", "RESETSTAT");
  const outcome = await load.run({
    pace: { kind: "closed" },
    durationMs: 60_000,
    requests: 5000,
    intervalMs: 100,
  });
  expect([outcome.samples, outcome.errors]).toEqual([[], {}]);
  const infos = await Promise.all(servers.map((server) => ask(server, "INFO", "stats")));
  const missed = infos.map((info) => Number(/keyspace_misses:(\d+)/.exec(String(info))?.[1]));
  const [{ elements, misses } = { elements: 0, misses: 0 }] = outcome.operations;
  expect(elements).toBe(50_000);
  expect(misses).toBe(missed.reduce((sum, each) => sum + each, 0));
  expect(misses / elements).toBeCloseTo(0.5, 1);
});

it("sends whole transactions again, and keeps the schedule of an open loop", async () => {
  const cluster = await startCluster("valkey");
  opened.push(cluster);
  const { servers } = cluster;
  const workload = structureWorkload({
    ...{ structure: "transaction", size: 1, keyCount: KEYS, only: [], prefix: "kurobe-test:" },
    ...{ distribution: { kind: "uniform" }, value: { kind: "fixed", bytes: 8 } },
  });
  const load = await openLoad(servers, workload);
  // Behind our back: who asked the old owner is told MOVED, in the middle of a transaction.
  for (const tag of [0, 1, 2]) {
    const slot = slotOf(`{${String(tag).padStart(4, "0")}}`);
    const next = servers[(CLUSTER_ENDS.findIndex((end) => slot <= end) + 1) % 3];
    const id = next === undefined ? "" : String(await ask(next, "CLUSTER", "MYID"));
    for (const server of servers) {
      await ask(server, "CLUSTER", "SETSLOT", String(slot), "NODE", id);
    }
  }
  const pace = { kind: "open", perSecond: 1000, arrival: "constant" } as const;
  const requests = Number.POSITIVE_INFINITY;
  const outcome = await load.run({ pace, durationMs: 500, requests, intervalMs: 100 });
  expect([outcome.samples, outcome.errors]).toEqual([[], {}]);
  expect(outcome.moved).toBeGreaterThan(0);
  expect(outcome.dropped).toBe(0);
  expect(outcome.operations.reduce((sum, each) => sum + each.succeeded, 0)).toBe(500);
  expect(allLatencies(outcome).count).toBe(500);
});

it.each([
  ["MOVED 3999 10.0.0.7:6381", { kind: "MOVED", host: "10.0.0.7", port: 6381 }],
  ["ASK 3999 ::1:6381", { kind: "ASK", host: "::1", port: 6381 }],
  ["MOVED 3999 :6381", { kind: "MOVED", host: "127.0.0.1", port: 6381 }],
  ["MOVED nowhere", undefined],
  ["ERR no", undefined],
])("reads %s", (text, redirect) => {
  const address = { kind: "tcp", host: "127.0.0.1", port: 7000 } as const;
  const asked = { name: "one", address, database: 0, isCluster: true, protocol: 2 } as const;
  expect(readRedirect(text, asked)).toEqual(redirect);
});
