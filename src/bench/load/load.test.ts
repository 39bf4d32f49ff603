/** The load against real Redis and Valkey servers. */
import { afterEach, describe, expect, it } from "vitest";
import { ENGINES, startServer } from "../../../test/support/resp-servers.ts";
import { openConnection } from "../resp/connection.ts";
import { type LocalServer } from "../target/local-server.ts";
import { type KvOptions, kvWorkload } from "../workload/kv.ts";
import { cleanKeys, fillKeys } from "./fill.ts";
import { Load, type RunOptions } from "./load.ts";
import { allLatencies, type LoadOutcome, mergeHistograms } from "./outcome.ts";

const KV: KvOptions = {
  mix: { get: 80, set: 20 },
  keyCount: 2000,
  distribution: { kind: "zipfian", theta: 0.99 },
  value: { kind: "range", fromBytes: 1, toBytes: 200 },
  hitRatio: 1,
  ttlSeconds: 0,
  batch: 3,
  prefix: "kurobe-test:",
};

const CLOSED: RunOptions = {
  pace: { kind: "closed" },
  durationMs: Number.POSITIVE_INFINITY,
  requests: 20_000,
  intervalMs: 100,
};

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function server(
  engine: (typeof ENGINES)[number] = "valkey",
  settings: readonly string[] = [],
): Promise<LocalServer> {
  const started = await startServer(engine, settings);
  opened.push(started);
  return started;
}

async function openLoad(
  { target }: Pick<LocalServer, "target">,
  kv: Partial<KvOptions> = {},
  options: { readonly depth?: number; readonly timeoutMs?: number; protocol?: 2 | 3 } = {},
): Promise<Load> {
  const load = await Load.open({
    target: { ...target, protocol: options.protocol ?? 2 },
    workload: kvWorkload({ ...KV, ...kv }),
    connections: 8,
    depth: options.depth ?? 4,
    seed: 1,
    timeoutMs: options.timeoutMs ?? 5000,
  });
  opened.push(load);
  return load;
}

async function ask({ target }: Pick<LocalServer, "target">, ...args: string[]): Promise<unknown> {
  await using connection = await openConnection(target);
  return await connection.call(...args);
}

function succeeded(outcome: LoadOutcome): number {
  return outcome.operations.reduce((sum, operation) => sum + operation.succeeded, 0);
}

describe.each(ENGINES)("%s", (engine) => {
  it.each([2, 3] as const)("answers each operation of the mix, RESP%d", async (protocol) => {
    const started = await server(engine);
    const mix = { get: 50, set: 20, mget: 5, mset: 5, incr: 10, expire: 10 };
    const load = await openLoad(started, { mix, ttlSeconds: 1000 }, { protocol });
    const filled = await fillKeys(load, load.options.workload);
    expect(filled).toMatchObject({ errors: {}, operations: [{ succeeded: 4000 }] });
    expect(await ask(started, "DBSIZE")).toBe(4000);
    const outcome = await load.run(CLOSED);
    expect(outcome.errors).toEqual({});
    expect(succeeded(outcome)).toBe(20_000);
    expect(allLatencies(outcome).count).toBe(20_000);
    expect(outcome.endedBy).toBe("requests");
    expect(outcome.operations.map(({ name }) => name)).toEqual([
      "GET",
      "SET",
      "MGET",
      "MSET",
      "INCR",
      "EXPIRE",
    ]);
    // The weights are kept, and no key was missing.
    expect((outcome.operations[0]?.succeeded ?? 0) / 20_000).toBeCloseTo(0.5, 1);
    expect(outcome.operations.every(({ misses }) => misses === 0)).toBe(true);
    await cleanKeys(load, load.options.workload);
    expect(await ask(started, "DBSIZE")).toBe(0);
  });

  it.each([
    [{ get: 1 }, 2],
    [{ mget: 1 }, 2],
    [{ mget: 1 }, 3],
    [{ get: 3, mget: 1, set: 1 }, 3],
  ] as const)("misses what the server misses: %j, RESP%d", async (mix, protocol) => {
    const started = await server(engine);
    const load = await openLoad(started, { mix, hitRatio: 0.5, batch: 10 }, { protocol });
    await fillKeys(load, load.options.workload);
    await ask(started, "CONFIG", "RESETSTAT");
    const outcome = await load.run({ ...CLOSED, requests: 10_000 });
    const info = String(await ask(started, "INFO", "stats"));
    let [lookups, misses] = [0, 0];
    for (const { name, succeeded, elements, misses: missed } of outcome.operations) {
      expect(elements).toBe(name === "MGET" ? succeeded * 10 : 0);
      lookups += name === "GET" ? succeeded : elements;
      misses += missed;
    }
    expect(info).toContain(`keyspace_misses:${misses}\r\n`);
    expect(info).toContain(`keyspace_hits:${lookups - misses}\r\n`);
    expect(misses / lookups).toBeCloseTo(0.5, 1);
  });
});

describe("what comes back", () => {
  it("leaves foreign keys alone when it cleans up", async () => {
    const started = await server();
    await ask(started, "SET", "kurobe-test:mine", "1");
    const load = await openLoad(started);
    await fillKeys(load, load.options.workload);
    await cleanKeys(load, load.options.workload);
    expect(await ask(started, "DBSIZE")).toBe(1);
  });

  it("counts errors by their code, and goes on", async () => {
    const started = await server();
    const load = await openLoad(started, { mix: { get: 1, set: 1 } });
    await fillKeys(load, load.options.workload);
    const half = Array.from({ length: 1000 }, (_, index) => String(index).padStart(12, "0"));
    await using connection = await openConnection(started.target);
    await connection.callAll(half.map((digits) => ["DEL", `${KV.prefix}${digits}`]));
    await connection.callAll(half.map((digits) => ["LPUSH", `${KV.prefix}${digits}`, "x"]));
    const outcome = await load.run(CLOSED);
    const [get, set] = outcome.operations;
    expect(get?.failed).toBeGreaterThan(0);
    // SET replaces a list: after it, GETs of the key work again.
    expect(set?.failed).toBe(0);
    expect(outcome.errors).toEqual({ WRONGTYPE: get?.failed });
    expect(outcome.samples[0]).toMatch(/^WRONGTYPE Operation against a key/);
    expect(succeeded(outcome) + (get?.failed ?? 0)).toBe(20_000);
  });

  it("says OOM when the server is full, while filling and while running", async () => {
    const started = await server("redis", ["--maxmemory", "1500000"]);
    const load = await openLoad(started, { keyCount: 50_000, mix: { set: 1 } });
    const filled = await fillKeys(load, load.options.workload);
    expect(filled?.errors["OOM"]).toBeGreaterThan(0);
    const outcome = await load.run({ ...CLOSED, requests: 5000 });
    expect(outcome.errors["OOM"]).toBeGreaterThan(0);
    expect(succeeded(outcome) + (outcome.errors["OOM"] ?? 0)).toBe(5000);
  });

  it("counts operations without reply as timeouts", async () => {
    const started = await server();
    const load = await openLoad(started, {}, { timeoutMs: 300 });
    await ask(started, "CLIENT", "PAUSE", "900", "ALL");
    const outcome = await load.run({ ...CLOSED, durationMs: 2000, requests: Infinity });
    expect(outcome.errors["timeout"]).toBeGreaterThanOrEqual(8 * 4);
    expect(outcome.reconnects).toBeGreaterThanOrEqual(8);
    expect(succeeded(outcome)).toBeGreaterThan(0);
  });

  it("is a valid result when the server is killed in the middle, and when it comes back", async () => {
    const started = await server();
    const load = await openLoad(started);
    setTimeout(() => started.process.kill("SIGKILL"), 300);
    const outcome = await load.run({ ...CLOSED, durationMs: 1200, requests: Infinity });
    expect(outcome.endedBy).toBe("duration");
    expect(succeeded(outcome)).toBeGreaterThan(0);
    expect(outcome.errors["connection_lost"]).toBeGreaterThan(0);
    expect(outcome.errors["connect_failed"]).toBeGreaterThan(0);
    const again = await startServer("valkey", [], { port: started.port });
    opened.push(again);
    const later = await load.run({ ...CLOSED, requests: 1000 });
    expect(succeeded(later)).toBe(1000);
  });

  it("is partial when the run is interrupted", async () => {
    const load = await openLoad(await server());
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 250);
    const outcome = await load.run({
      ...CLOSED,
      durationMs: 60_000,
      requests: Infinity,
      signal: stopping.signal,
    });
    expect(outcome.endedBy).toBe("interrupted");
    expect(outcome.elapsedMs).toBeLessThan(30_000);
    expect(allLatencies(outcome).count).toBe(succeeded(outcome));
  });

  it("shows the course of the run: intervals hold all that the totals hold", async () => {
    const load = await openLoad(await server());
    const outcome = await load.run({ ...CLOSED, durationMs: 700, requests: Infinity });
    expect(outcome.points.length).toBeGreaterThanOrEqual(3);
    const inPoints = mergeHistograms(outcome.points.map(({ histogram }) => histogram));
    expect(inPoints.count).toBe(succeeded(outcome));
    expect([...inPoints.buckets()]).toEqual([...allLatencies(outcome).buckets()]);
  });
});

describe("the open loop", () => {
  const open = (perSecond: number): RunOptions => ({
    pace: { kind: "open", perSecond, arrival: "constant" },
    durationMs: 2000,
    requests: Number.POSITIVE_INFINITY,
    intervalMs: 100,
  });

  it.each(["constant", "poisson"] as const)("sends what is due: %s", async (arrival) => {
    const load = await openLoad(await server());
    const outcome = await load.run({
      ...open(2000),
      pace: { kind: "open", perSecond: 2000, arrival },
    });
    const sent = succeeded(outcome) + outcome.dropped;
    if (arrival === "constant") expect(sent).toBe(4000);
    // Five standard deviations of a Poisson count.
    else expect(Math.abs(sent - 4000)).toBeLessThan(5 * Math.sqrt(4000));
    expect(mergeHistograms([outcome.slip ?? ""]).count).toBe(succeeded(outcome));
  });

  it("shows a pause of the server that a closed loop hides", async () => {
    const started = await server();
    const closed = await openLoad(started, {}, { depth: 1 });
    const pauseMs = 500;
    const pause = (): void => {
      setTimeout(() => void ask(started, "CLIENT", "PAUSE", String(pauseMs), "ALL"), 300);
    };
    pause();
    const hiding = await closed.run({ ...CLOSED, durationMs: 2000, requests: Infinity });
    pause();
    const showing = await closed.run(open(2000));
    expect(allLatencies(showing).quantileMs(0.99)).toBeGreaterThan(0.8 * pauseMs);
    expect(allLatencies(hiding).quantileMs(0.99)).toBeLessThan(0.2 * pauseMs);
    expect(allLatencies(hiding).maxMs).toBeGreaterThan(0.8 * pauseMs);
    // From sending alone it would be hidden here, too.
    expect(mergeHistograms([showing.sinceSent ?? ""]).quantileMs(0.5)).toBeLessThan(pauseMs);
  });

  it("keeps a count, and never sends what it cannot: it is counted as dropped", async () => {
    const load = await openLoad(await server(), {}, { timeoutMs: 200 });
    const outcome = await load.run({ ...open(1000), requests: 500 });
    expect(succeeded(outcome)).toBe(500);
    const flood = await load.run({ ...open(2_000_000), durationMs: 300 });
    expect(flood.dropped).toBeGreaterThan(0);
    expect(succeeded(flood) + flood.dropped + (flood.errors["timeout"] ?? 0)).toBe(600_000);
  });
});
