/** Threads carry one load together, against real servers. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer } from "../../../test/support/resp-servers.ts";
import { cleanKeys, fillKeys } from "../load/fill.ts";
import { Load, type LoadOptions } from "../load/load.ts";
import { allLatencies, type LoadOutcome, mergeHistograms } from "../load/outcome.ts";
import { type LoadProgress } from "../load/recorder.ts";
import { openConnection } from "../resp/connection.ts";
import { type LocalServer } from "../target/local-server.ts";
import { ycsbWorkload } from "../workload/ycsb.ts";
import { type Crew } from "./crew.ts";
import { openThreadCrew } from "./thread.ts";

const CLOSED = { pace: { kind: "closed" }, requests: Infinity, intervalMs: 100 } as const;

/** Reads of the newest records, and new ones. */
const WORKLOAD = ycsbWorkload("d", 500, "kurobe-test:");

let server: LocalServer;
let options: LoadOptions;
let crew: Crew;
beforeAll(async () => {
  server = await startServer("valkey");
  const { target } = server;
  options = { target, workload: WORKLOAD, connections: 7, depth: 2, seed: 1, timeoutMs: 5000 };
  await using load = await Load.open(options);
  await fillKeys(load, WORKLOAD);
  crew = await openThreadCrew(options, 3);
});
afterAll(async () => {
  await crew[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function ask(...args: string[]): Promise<unknown> {
  await using connection = await openConnection(server.target);
  return await connection.call(...args);
}

function succeeded({ operations }: LoadOutcome): number {
  return operations.reduce((sum, each) => sum + each.succeeded, 0);
}

describe("three threads", () => {
  it("send as many operations as were asked for, and make new keys that nobody else makes", async () => {
    // One connection is the question itself.
    await expect.poll(() => ask("INFO", "clients")).toMatch(/connected_clients:8\r\n/);
    const durationMs = Number.POSITIVE_INFINITY;
    const { outcome, lost, insertEnds } = await crew.run({
      ...CLOSED,
      durationMs,
      requests: 10_001,
    });
    expect(outcome).toMatchObject({ errors: {}, endedBy: "requests" });
    expect(succeeded(outcome)).toBe(10_001);
    expect(lost).toEqual([]);
    expect(outcome.operations.every(({ misses }) => misses === 0)).toBe(true);
    expect(outcome.client.cpuMs).toBeGreaterThan(0);
    const inserts = outcome.operations.find(({ name }) => name === "INSERT")?.succeeded ?? 0;
    expect(inserts).toBeGreaterThan(100);
    expect(await ask("DBSIZE")).toBe(500 + inserts);
    await using load = await Load.open(options);
    await cleanKeys(load, WORKLOAD, { insertEnds });
    expect(await ask("DBSIZE")).toBe(0);
  });

  it("start together: their intervals merge into one course, told as it goes", async () => {
    const told: LoadProgress[] = [];
    const { outcome } = await crew.run({
      ...CLOSED,
      durationMs: 900,
      onInterval: (progress) => told.push(progress),
    });
    const inPoints = mergeHistograms(outcome.points.map(({ histogram }) => histogram));
    expect([...inPoints.buckets()]).toEqual([...allLatencies(outcome).buckets()]);
    expect(inPoints.count).toBe(succeeded(outcome));
    expect(told.length).toBeGreaterThanOrEqual(2);
    const counts = told.map(({ operations }) => operations);
    expect(counts).toEqual(counts.toSorted((left, right) => left - right));
    expect(told.map(({ point }) => point.operations)).toEqual(
      outcome.points.slice(0, told.length).map(({ operations }) => operations),
    );
  });

  it("keep one rate together", async () => {
    const { outcome } = await crew.run({
      ...CLOSED,
      pace: { kind: "open", perSecond: 2000, arrival: "constant" },
      durationMs: 1000,
    });
    expect(succeeded(outcome) + outcome.dropped).toBe(2000);
    expect(mergeHistograms([outcome.slip ?? ""]).count).toBe(succeeded(outcome));
  });

  it("stop together, and can be asked again", async () => {
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 300);
    const run = { ...CLOSED, durationMs: 60_000, signal: stopping.signal };
    const { outcome } = await crew.run(run);
    expect(outcome.endedBy).toBe("interrupted");
    expect(succeeded(outcome)).toBe(allLatencies(outcome).count);
    expect(succeeded(outcome)).toBeGreaterThan(0);
    const again = await crew.run({ ...CLOSED, durationMs: Infinity, requests: 500 });
    expect(succeeded(again.outcome)).toBe(500);
  });

  it("say why they cannot, before anything is measured", async () => {
    const target = { ...server.target, username: "nobody", password: "wrong" };
    await expect(openThreadCrew({ ...options, target }, 2)).rejects.toMatchObject({
      code: "KRB_BENCH_REFUSED",
    });
  });
});
