/** Whole measurements against real servers, from the first connection to the result. */
import { afterEach, describe, expect, it } from "vitest";
import { startServer } from "../../../test/support/resp-servers.ts";
import { openConnection } from "../resp/connection.ts";
import { checkResult } from "../result/result-file.ts";
import { type LocalServer } from "../target/local-server.ts";
import { type KvOptions, kvWorkload } from "../workload/kv.ts";
import { measure } from "./measure.ts";
import { type RunPlan } from "./run-plan.ts";
import { runPairs } from "./run-pairs.ts";

const KV: KvOptions = {
  mix: { get: 80, set: 20 },
  keyCount: 1000,
  distribution: { kind: "uniform" },
  value: { kind: "fixed", bytes: 64 },
  hitRatio: 0.5,
  ttlSeconds: 0,
  batch: 1,
  prefix: "kurobe-test:",
};

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function server(engine: "redis" | "valkey"): Promise<LocalServer> {
  const started = await startServer(engine);
  opened.push(started);
  return started;
}

function planFor({ target }: LocalServer, over: Partial<RunPlan> = {}): RunPlan {
  return {
    target,
    workload: kvWorkload(KV),
    kind: "kv",
    labels: {},
    connections: 4,
    depth: 1,
    workers: 1,
    pace: { kind: "closed" },
    durationMs: 500,
    requests: Number.POSITIVE_INFINITY,
    warmupMs: 50,
    timeoutMs: 2000,
    seed: 1,
    isFilled: true,
    isCleaned: true,
    ...over,
  };
}

async function keysOf({ target }: LocalServer): Promise<unknown> {
  await using connection = await openConnection(target);
  return await connection.call("DBSIZE");
}

describe("a measurement", () => {
  it("is a result that fits the schema, and leaves no key behind", async () => {
    const started = await server("valkey");
    const plan = planFor(started, { durationMs: Number.POSITIVE_INFINITY, requests: 5000 });
    const result = checkResult(await measure(plan), "the result");
    expect(result).toMatchObject({ engine_type: "Valkey", validity: { is_partial: false } });
    expect(result.stats.requests).toBe(result.histogram.all.count);
    expect(result.stats.hits + result.stats.misses).toBe(result.stats.by_command["GET"]?.requests);
    expect(result.stats.misses / (result.stats.hits + result.stats.misses)).toBeCloseTo(0.5, 1);
    expect(result.stats.server.info_delta["total_commands_processed"]).toBeGreaterThanOrEqual(
      result.stats.requests,
    );
    expect(await keysOf(started)).toBe(0);
  });

  it("counts keys that were asked for, not requests, where one asks for many", async () => {
    const started = await server("redis");
    const workload = kvWorkload({ ...KV, mix: { get: 1, mget: 1, set: 1 }, batch: 7 });
    const { stats } = await measure(planFor(started, { workload }));
    const [get, mget, set] = ["GET", "MGET", "SET"].map((name) => stats.by_command[name]);
    const lookups = (get?.requests ?? 0) + 7 * (mget?.requests ?? 0);
    expect(stats.hits + stats.misses).toBe(lookups);
    expect((mget?.hits ?? 0) + (mget?.misses ?? 0)).toBe(7 * (mget?.requests ?? 0));
    expect((get?.misses ?? 0) + (mget?.misses ?? 0)).toBe(stats.misses);
    expect([set?.hits, set?.misses]).toEqual([null, null]);
    const { hits: keyspace_hits, misses: keyspace_misses } = stats;
    expect(stats.server.info_delta).toMatchObject({ keyspace_hits, keyspace_misses });
  });

  it("of an open loop says from when latencies count, and how late it sent", async () => {
    const started = await server("redis");
    const pace = { kind: "open", perSecond: 2000, arrival: "poisson" } as const;
    const result = checkResult(await measure(planFor(started, { pace })), "the result");
    expect(result.config).toMatchObject({ loop: "open", rate: 2000, arrival: "poisson" });
    expect(result.stats.latency_ms.from).toBe("intended");
    expect(result.stats.latency_send_ms?.n).toBe(result.stats.requests);
    expect(result.stats.slip_ms?.n).toBe(result.stats.requests);
  });

  it("that is interrupted is partial, valid, and cleaned up", async () => {
    const started = await server("valkey");
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 600);
    const plan = planFor(started, { durationMs: 60_000 });
    const result = checkResult(await measure(plan, { signal: stopping.signal }), "the result");
    expect(result.validity).toMatchObject({ is_valid: true, is_partial: true });
    expect(result.stats.requests).toBeGreaterThan(0);
    expect(await keysOf(started)).toBe(0);
  });

  it("knows a server that was killed", async () => {
    const started = await server("redis");
    setTimeout(() => started.process.kill("SIGKILL"), 500);
    const result = checkResult(await measure(planFor(started, { durationMs: 1000 })), "result");
    expect(result.errors.by_kind["connection_lost"]).toBeGreaterThan(0);
    expect(result.stats.server.cpu_cores).toBe(null);
  });
});

describe("paired slices", () => {
  it("pair each target's slices by number, in an order that changes", async () => {
    const [redis, valkey] = [await server("redis"), await server("valkey")];
    const pairs = 12;
    const twin = { ...valkey.target, name: "valkey again" };
    const results = await runPairs({
      targets: [
        { plan: planFor(redis), twinOf: null, pinning: null },
        { plan: planFor(valkey), twinOf: null, pinning: null },
        { plan: planFor({ ...valkey, target: twin }), twinOf: "valkey", pinning: null },
      ],
      pairs,
      sliceMs: 30,
      seed: 3,
    });
    expect(results.map(({ config }) => [config.name, config.twin_of])).toEqual([
      ["redis", null],
      ["valkey", null],
      ["valkey again", "valkey"],
    ]);
    expect(new Set(results.map(({ pair_id: pairId }) => pairId)).size).toBe(1);
    for (let pair = 0; pair < pairs; pair++) {
      const positions = results.map(({ stats }) => stats.slices[pair]?.position);
      expect(positions.toSorted((a = 0, b = 0) => a - b)).toEqual([0, 1, 2]);
    }
    const firsts = new Set(results[0]?.stats.slices.map(({ position }) => position));
    expect(firsts.size).toBe(3);
    for (const result of results) {
      checkResult(result, result.config.name);
      const inSlices = result.stats.slices.reduce((sum, { requests }) => sum + requests, 0);
      expect(inSlices).toBe(result.stats.requests);
      expect(result.config).toMatchObject({ pairs, slice_ms: 30 });
    }
    expect([await keysOf(redis), await keysOf(valkey)]).toEqual([0, 0]);
  });
});
