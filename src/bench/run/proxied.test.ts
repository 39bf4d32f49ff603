/** A real engine whose replies come byte by byte, or late: every one is still counted once. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { openReplyProxy } from "../../../test/support/reply-proxy.ts";
import { startServer } from "../../../test/support/resp-servers.ts";
import { type BenchResult } from "../result/result.ts";
import { type LocalServer } from "../target/local-server.ts";
import { type Target } from "../target/target.ts";
import { kvWorkload } from "../workload/kv.ts";
import { structureWorkload } from "../workload/structures.ts";
import { type Workload } from "../workload/workload.ts";
import { measure } from "./measure.ts";

let server: LocalServer;
beforeAll(async () => {
  server = await startServer("valkey");
});
afterAll(async () => server[Symbol.asyncDispose]());

const VALUE = { kind: "fixed", bytes: 20 } as const;
const UNIFORM = { kind: "uniform" } as const;

const KV = kvWorkload({
  ...{ mix: { get: 3, set: 1, mget: 1, incr: 1 }, keyCount: 20, distribution: UNIFORM },
  ...{ value: VALUE, hitRatio: 0.5, ttlSeconds: 0, batch: 3, prefix: "proxied:" },
});

async function measured(
  target: Target,
  workload: Workload,
  requests: number,
  connections = 2,
): Promise<BenchResult> {
  return await measure({
    ...{ target, workload, kind: "kv", labels: {}, connections, depth: 3, workers: 1, seed: 1 },
    ...{ pace: { kind: "closed" }, durationMs: Number.POSITIVE_INFINITY, requests, warmupMs: 0 },
    ...{ timeoutMs: 20_000, isFilled: true, isCleaned: true },
  });
}

it.each([
  ["values, numbers, lists and nothing, RESP2", KV, 2],
  ["values and nothing, RESP3", KV, 3],
  [
    "nested lists and maps, RESP3",
    structureWorkload({
      ...{ structure: "stream", size: 5, keyCount: 3, distribution: UNIFORM, value: VALUE },
      ...{ prefix: "proxied:", only: [] },
    }),
    3,
  ],
] as const)(
  "replies that come byte by byte count once: %s",
  async (_, workload, protocol) => {
    await using proxy = await openReplyProxy(
      { ...server.target, protocol },
      async (chunk, client) => {
        for (const byte of chunk) {
          client.write(Uint8Array.of(byte));
          // Each byte leaves by itself: the next one waits until the loop has gone round.
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    );
    const result = await measured(proxy.target, workload, 60);
    expect([result.errors.samples, result.errors.by_kind]).toEqual([[], {}]);
    expect(result.stats.requests).toBe(60);
    expect(result.histogram.all.count).toBe(60);
    if (workload !== KV) return;
    const { hits, misses, server: counted } = result.stats;
    expect(misses).toBeGreaterThan(0);
    expect(counted.info_delta).toMatchObject({ keyspace_misses: misses, keyspace_hits: hits });
  },
  60_000,
);

it("a server that answers late has latencies that say so, and no errors", async () => {
  const lateMs = 40;
  await using proxy = await openReplyProxy(server.target, async (chunk, client) => {
    await new Promise((resolve) => setTimeout(resolve, lateMs));
    client.write(chunk);
  });
  const result = await measured(proxy.target, KV, 120, 8);
  expect(result.errors.by_kind).toEqual({});
  // A timer may be a millisecond early.
  expect(result.stats.latency_ms.min).toBeGreaterThan(lateMs - 2);
  expect(result.stats.client.is_limited).toBe(false);
}, 120_000);
