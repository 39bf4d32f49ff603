/** Clusters whose masters come and go while the load runs: connections follow the keys. */
import { afterEach, describe, expect, it } from "vitest";
import {
  ask,
  ENGINES,
  moveSlot,
  startCluster,
  type StartedCluster,
  until,
} from "../../../test/support/resp-servers.ts";
import { checkResult } from "../result/result-file.ts";
import { measure } from "../run/measure.ts";
import { type RunPlan } from "../run/run-plan.ts";
import { type LocalServer } from "../target/local-server.ts";
import { countersBetween, cpuBetween, ServerMeter } from "../target/server-meter.ts";
import { slotOf } from "../target/slot.ts";
import { kvWorkload } from "../workload/kv.ts";
import { EXPECTATIONS } from "../workload/operation-table.ts";
import { structureWorkload } from "../workload/structures.ts";
import { type Workload } from "../workload/workload.ts";
import { cleanKeys, fillKeys } from "./fill.ts";
import { Load, type RunOptions } from "./load.ts";
import { allLatencies, type LoadOutcome } from "./outcome.ts";
import { setUp } from "./set-up.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** One in each slot that is used. */
const KEYS = 40;
const LANES = 12;
const DEPTH = 4;

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

/** With new keys: one that was made already answers null, which is no OK. */
const WORKLOAD: Workload = {
  ...KV,
  operations: [
    ...KV.operations,
    {
      ...{ name: "INSERT", keyspace: "", weight: 2, expect: EXPECTATIONS.ok, missOn: 0 },
      steps: [["SET", "{newkey}", "{value}", "NX"]],
    },
  ],
};

const ENDLESS = {
  durationMs: 120_000,
  requests: Number.POSITIVE_INFINITY,
  intervalMs: 100,
};

async function openLoad({ servers: [server] }: StartedCluster, workload: Workload): Promise<Load> {
  if (server === undefined) throw new Error("a cluster has a server");
  const load = await Load.open({
    target: { ...server.target, isCluster: true },
    workload,
    connections: LANES,
    depth: DEPTH,
    seed: 1,
    timeoutMs: 5000,
  });
  opened.push(load);
  return load;
}

/** Runs the load while `change` happens. */
async function during(
  load: Load,
  pace: RunOptions["pace"],
  change: () => Promise<void>,
): Promise<LoadOutcome> {
  const done = new AbortController();
  const running = load.run({ ...ENDLESS, pace, signal: done.signal });
  await change().finally(() => done.abort());
  return await running;
}

/** Connections of the load on a server, couriers among them. */
async function connectionsOn(
  server: LocalServer,
  command = /cmd=(get|set|mget|incr) /,
): Promise<number> {
  const list = String(await ask(server, "CLIENT", "LIST", "TYPE", "NORMAL"));
  return list.split("\n").filter((line) => command.test(line)).length;
}

/** `MOVED` answers so far. */
async function movedAt(servers: readonly LocalServer[]): Promise<number> {
  const infos = await Promise.all(servers.map((server) => ask(server, "INFO", "errorstats")));
  return infos.reduce<number>((sum, info) => {
    return sum + Number(/errorstat_MOVED:count=(\d+)/.exec(String(info))?.[1] ?? 0);
  }, 0);
}

/** Keys are asked for where they are, and no courier is needed any more. */
async function untilDirect(servers: readonly LocalServer[]): Promise<void> {
  let before = -1;
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = await movedAt(servers);
    const isQuiet = now === before;
    before = now;
    return isQuiet;
  });
}

async function isMaster(server: LocalServer): Promise<boolean> {
  return /role:master/.test(String(await ask(server, "INFO", "replication")));
}

async function sizeOf(masters: readonly LocalServer[]): Promise<number> {
  const all = await Promise.all(masters.map((server) => ask(server, "DBSIZE")));
  return all.reduce<number>((sum, size) => sum + Number(size), 0);
}

function succeededOf({ operations }: LoadOutcome, name?: string): number {
  return operations
    .filter((each) => name === undefined || each.name === name)
    .reduce((sum, { succeeded }) => sum + succeeded, 0);
}

function missesOf({ operations }: LoadOutcome): number {
  return operations.reduce((sum, { misses }) => sum + misses, 0);
}

const hostOf = ({ port }: LocalServer): string => `127.0.0.1:${port}`;

it("is a result that says so, whatever threads carry the load", async () => {
  const cluster = await startCluster("valkey", { nodeTimeoutMs: 3000, replicas: true });
  opened.push(cluster);
  const [old, second, third] = cluster.servers;
  const [promoted] = cluster.replicas;
  if (!old || !second || !third || !promoted) throw new Error("they started");
  let ordered: Promise<unknown> | undefined;
  const plan: RunPlan = {
    ...{
      target: { ...second.target, isCluster: true },
      workload: WORKLOAD,
      kind: "kv",
      labels: {},
    },
    ...{ connections: LANES, depth: 1, workers: 2, pace: { kind: "closed" }, durationMs: 2500 },
    ...{ requests: Number.POSITIVE_INFINITY, warmupMs: 0, timeoutMs: 5000, seed: 1 },
    ...{ isFilled: true, isCleaned: true },
  };
  const result = await measure(plan, {
    onStep: ({ kind }) => {
      if (kind === "measuring") ordered ??= ask(promoted, "CLUSTER", "FAILOVER");
    },
  });
  expect(await ordered).toBe("OK");
  expect(checkResult(result, "here")).toEqual(result);
  expect([result.errors.samples, result.validity.is_valid]).toEqual([[], true]);
  expect(result.validity.reasons).toContain(
    `the cluster changed in the run: no master any more: ${hostOf(old)}; ` +
      `a master now: ${hostOf(promoted)}; what the servers spent is not known`,
  );
  expect(result.stats.reconnects).toBeGreaterThan(2);
  const { cpu_cores: cores, cpu_us_per_op: cost, info_delta: delta } = result.stats.server;
  expect([cores, cost, delta]).toEqual([null, null, {}]);
  // Intervals before and after it have the figures of three masters, that of the change has none.
  const course = result.stats.timeseries.map((point) => point.server_cpu);
  expect(course.filter((each) => each !== null).every((each) => each >= 0 && each < 8)).toBe(true);
  expect(course).toContain(null);
  // The load of this thread, which made the keys, was idle meanwhile: it finds them all the same.
  expect(await sizeOf([promoted, second, third])).toBe(0);
});

it("gives a new master the scripts that the workload needs", async () => {
  const cluster = await startCluster("redis", { spares: 1 });
  opened.push(cluster);
  const { servers } = cluster;
  const [joined] = cluster.spares;
  if (!joined) throw new Error("it started");
  const workload = structureWorkload({
    ...{ structure: "script", size: 1, keyCount: KEYS, only: [], prefix: "kurobe-test:" },
    ...{ distribution: { kind: "uniform" }, value: { kind: "fixed", bytes: 8 } },
  });
  const load = await openLoad(cluster, workload);
  await setUp(load.nodes, workload);
  const slot = slotOf("{0000}");
  const owner = servers[slot <= 5460 ? 0 : slot <= 10_922 ? 1 : 2];
  if (!owner) throw new Error("a slot has an owner");
  const outcome = await during(load, { kind: "closed" }, async () => {
    await moveSlot(slot, [owner, joined], servers, 0);
    await until(async () => (await connectionsOn(joined, /cmd=evalsha /)) > 0);
    await untilDirect([...servers, joined]);
  });
  expect(outcome.clusterChange?.came).toEqual([hostOf(joined)]);
  // What came before the script did is refused, and counted.
  expect(Object.keys(outcome.errors).filter((kind) => kind !== "NOSCRIPT")).toEqual([]);
  const settled = await load.run({ ...ENDLESS, pace: { kind: "closed" }, durationMs: 300 });
  expect([settled.errors, settled.moved, settled.reconnects]).toEqual([{}, 0, 0]);
});

describe.each(ENGINES)("%s", (engine) => {
  it("is loaded on through a failover, a new master, and one that is killed", async () => {
    const cluster = await startCluster(engine, { nodeTimeoutMs: 3000, replicas: true, spares: 1 });
    opened.push(cluster);
    const [old, second, third] = cluster.servers;
    const [promoted, heir] = cluster.replicas;
    const [joined] = cluster.spares;
    if (!old || !second || !third || !promoted || !heir || !joined) throw new Error("they started");
    const load = await openLoad(cluster, WORKLOAD);
    const meter = await ServerMeter.open(load.nodes);
    opened.push(meter);
    await fillKeys(load, WORKLOAD);
    const filled = await sizeOf(cluster.servers);
    const before = await meter.read();
    expect([before.servers.length, before.cpuMs]).toEqual([3, expect.any(Number)]);

    // Ordered: nothing fails, and nothing is lost.
    let share = 0;
    const failover = await during(load, { kind: "closed" }, async () => {
      await until(async () => (await connectionsOn(third)) > 0);
      share = await connectionsOn(old);
      expect(await ask(promoted, "CLUSTER", "FAILOVER")).toBe("OK");
      await until(async () => (await connectionsOn(promoted)) >= share);
      await untilDirect([...cluster.servers, promoted]);
      expect(await connectionsOn(old)).toBe(0);
    });
    expect([failover.samples, failover.errors, missesOf(failover)]).toEqual([[], {}, 0]);
    expect([share > 2, failover.reconnects]).toEqual([true, share]);
    expect(failover.clusterChange).toEqual({ came: [hostOf(promoted)], gone: [hostOf(old)] });
    expect(allLatencies(failover).count).toBe(succeededOf(failover));
    const made = filled + succeededOf(failover, "INSERT");
    expect(await sizeOf([promoted, second, third])).toBe(made);
    const after = await meter.read();
    expect([after.servers.length, after.cpuMs]).toEqual([3, expect.any(Number)]);
    // The one that came had spent something before: what it spent in the run is not known.
    expect([cpuBetween(before, after), countersBetween(before, after)]).toEqual([null, {}]);

    // A quarter of the keys goes to a new one, slot by slot: so do connections.
    const grown = await during(load, { kind: "closed" }, async () => {
      for (let tag = 0; tag < KEYS; tag += 4) {
        const slot = slotOf(`{${String(tag).padStart(4, "0")}}`);
        const from = slot <= 5460 ? promoted : slot <= 10_922 ? second : third;
        await moveSlot(slot, [from, joined], [promoted, second, third, joined], 0);
      }
      await until(async () => (await connectionsOn(joined)) >= LANES / 4);
      await untilDirect([promoted, second, third, joined]);
    });
    // A busy machine may be asked for a slot while its owner is not settled; nothing else fails.
    const passing = ["TRYAGAIN", "CLUSTERDOWN", "MOVED", "ASK"];
    const others = Object.keys(grown.errors).filter((kind) => !passing.includes(kind));
    expect([others.length === 0 ? [] : grown.samples, missesOf(grown)]).toEqual([[], 0]);
    expect(grown.reconnects).toBeGreaterThanOrEqual(LANES / 4);
    expect(grown.clusterChange).toEqual({ came: [hostOf(joined)], gone: [] });
    const masters = [promoted, second, third, joined];
    expect(await sizeOf(masters)).toBe(made + succeededOf(grown, "INSERT"));

    // Killed: what it had not answered is lost, and the schedule is kept.
    const pace = { kind: "open", perSecond: 2000, arrival: "constant" } as const;
    const killed = await during(load, pace, async () => {
      await until(async () => (await connectionsOn(second)) > 0);
      second.process.kill("SIGKILL");
      await until(() => second.process.signalCode !== null);
      expect((await meter.readCpu()).cpuMs).toBeNull();
      await until(async () => isMaster(heir));
      await until(async () => (await connectionsOn(heir)) >= 2);
      await untilDirect([promoted, heir, third, joined]);
    });
    const { errors } = killed;
    expect(Object.keys(errors)).toEqual(expect.arrayContaining(["connect_failed"]));
    const known = ["connect_failed", "connection_lost", "CLUSTERDOWN"];
    expect(Object.keys(errors).filter((kind) => !known.includes(kind))).toEqual([]);
    expect(missesOf(killed)).toBe(0);
    // What was due in the moment in which we broke off.
    expect(killed.dropped).toBeLessThan(LANES * DEPTH);
    expect(killed.clusterChange).toEqual({ came: [hostOf(heir)], gone: [hostOf(second)] });
    expect(allLatencies(killed).count).toBe(succeededOf(killed));

    // From here on as if nothing had been.
    const now = [promoted, heir, third, joined];
    const first = await meter.read();
    const settled = await load.run({ ...ENDLESS, pace, durationMs: 500 });
    expect([settled.samples, settled.errors]).toEqual([[], {}]);
    expect(settled).toMatchObject({ moved: 0, asked: 0, reconnects: 0 });
    expect([settled.clusterChange, missesOf(settled)]).toEqual([null, 0]);
    expect(succeededOf(settled)).toBe(1000);
    expect(cpuBetween(first, await meter.read())).toEqual(expect.any(Number));
    await cleanKeys(load, WORKLOAD);
    expect(await sizeOf(now)).toBe(0);
  });
});
