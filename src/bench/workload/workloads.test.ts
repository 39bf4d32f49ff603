/** Each operation of each workload on real servers: none may fail, and sizes must hold. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../../test/source-files.ts";
import { ENGINES, startServer } from "../../../test/support/resp-servers.ts";
import { cleanKeys, fillKeys } from "../load/fill.ts";
import { Load } from "../load/load.ts";
import { type LoadOutcome } from "../load/outcome.ts";
import { openConnection } from "../resp/connection.ts";
import { setUp } from "../load/set-up.ts";
import { type LocalServer } from "../target/local-server.ts";
import { loadWorkload } from "./load-workload.ts";
import { readWorkload } from "./read-workload.ts";
import { type Structure, STRUCTURES, structureWorkload } from "./structures.ts";
import { type Workload } from "./workload.ts";
import { YCSB_WORKLOADS, ycsbWorkload } from "./ycsb.ts";

const LENGTH: Readonly<Record<Structure, string>> = {
  list: "LLEN",
  hash: "HLEN",
  set: "SCARD",
  zset: "ZCARD",
  stream: "XLEN",
  bitmap: "STRLEN",
  hyperloglog: "PFCOUNT",
  geo: "ZCARD",
  transaction: "STRLEN",
  script: "STRLEN",
};

describe.each(ENGINES)("%s", (engine) => {
  let server: LocalServer;
  beforeAll(async () => {
    server = await startServer(engine);
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  async function ask(...args: string[]): Promise<unknown> {
    await using connection = await openConnection(server.target);
    return await connection.call(...args);
  }

  async function run(
    workload: Workload,
    requests: number,
    between: () => Promise<void> = async () => undefined,
    protocol: 2 | 3 = 2,
  ): Promise<LoadOutcome> {
    await using load = await Load.open({
      target: { ...server.target, protocol },
      workload,
      connections: 4,
      depth: 4,
      seed: 1,
      timeoutMs: 10_000,
    });
    await setUp(load.nodes, workload);
    const filled = await fillKeys(load, workload);
    expect([filled?.samples, filled?.errors]).toEqual([[], {}]);
    await between();
    const outcome = await load.run({
      pace: { kind: "closed" },
      durationMs: Number.POSITIVE_INFINITY,
      requests,
      intervalMs: 1000,
    });
    await between();
    await cleanKeys(load, workload);
    expect(await ask("DBSIZE")).toBe(0);
    return outcome;
  }

  const value = { kind: "fixed", bytes: 20 } as const;
  const uniform = { kind: "uniform" } as const;

  it.each(STRUCTURES)("%s: each operation answers as expected, none misses", async (structure) => {
    const size = 600;
    const workload = structureWorkload({
      structure,
      size,
      keyCount: 5,
      distribution: uniform,
      value,
      prefix: "kurobe-test:",
      only: [],
    });
    const lengths: number[] = [];
    const key = `kurobe-test:${structure}:000000000003`;
    const outcome = await run(
      workload,
      600,
      async () => void lengths.push(Number(await ask(LENGTH[structure], key))),
      engine === "redis" ? 2 : 3,
    );
    expect([outcome.samples, outcome.errors]).toEqual([[], {}]);
    for (const { name, succeeded, misses } of outcome.operations) {
      expect([name, succeeded > 0, misses]).toEqual([name, true, 0]);
    }
    const [filled = 0, after = 0] = lengths;
    if (["list", "hash", "set", "zset", "geo"].includes(structure)) expect(filled).toBe(size);
    // These count in their keys: how many digits there are is luck.
    if (structure === "script" || structure === "transaction") return;
    // Pushes go with pops: only what HINCRBY counts and what a stream trims roughly may differ.
    expect(after / filled).toBeGreaterThan(0.9);
    expect(after / filled).toBeLessThan(structure === "stream" ? 1.3 : 1.1);
  });

  it.each(["shop.yaml", "queue.ts"])("a workload file, %s, answers as it says", async (file) => {
    const path = join(ROOT, "examples", "workloads", file);
    const outcome = await run((await loadWorkload(path, "kurobe-test:")).workload, 4000);
    expect([outcome.samples, outcome.errors]).toEqual([[], {}]);
    for (const { name, succeeded } of outcome.operations) {
      expect([name, succeeded > 0]).toEqual([name, true]);
    }
    const reads = outcome.operations.find(({ name }) => name === "read session");
    if (reads === undefined) return;
    expect(reads.misses / reads.succeeded).toBeCloseTo(0.05, 1);
    const touches = outcome.operations.find(({ name }) => name === "touch session");
    expect(reads.succeeded - (touches?.succeeded ?? 0)).toBeLessThanOrEqual(16);
  });

  it.each([2, 3] as const)(
    "counts each value of a list that is not there, RESP%d",
    async (protocol) => {
      // Each key has five of ten members.
      const keyspaces = {
        hash: { keys: 8, members: 10, fill: "HSET {key} {fields:5}" },
        set: { keys: 8, members: 10, fill: "SADD {key} {newmembers:5}" },
        zset: { keys: 8, members: 10, fill: "ZADD {key} {scored:5}" },
        geo: { keys: 8, members: 10, fill: Array(5).fill("GEOADD {key} 0.5 0.5 {newmember}") },
      };
      const values = { expect: "values", lookup: true };
      const spec = {
        keyspaces,
        operations: {
          HMGET: { keyspace: "hash", command: "HMGET {key} {members:4}", ...values },
          SMISMEMBER: {
            ...{ keyspace: "set", command: "SMISMEMBER {key} {members:4}" },
            ...{ expect: "flags", lookup: true },
          },
          ZMSCORE: { keyspace: "zset", command: "ZMSCORE {key} {members:4}", ...values },
          GEOPOS: { keyspace: "geo", command: "GEOPOS {key} {members:4}", ...values },
          // A key that is not there lacks every one of its fields.
          none: { keyspace: "hash", command: "HMGET {prefix}none a b c d", ...values },
          // One reply counts once, whatever is in it.
          whole: { keyspace: "zset", command: "ZRANGE {key} 0 3", expect: "list", lookup: true },
        },
      };
      const read = readWorkload(spec, "lists", "kurobe-test:");
      if (read.mistakes !== null) throw new Error(JSON.stringify(read.mistakes));
      const outcome = await run(read.workload, 3000, undefined, protocol);
      expect([outcome.samples, outcome.errors]).toEqual([[], {}]);
      for (const { name, succeeded, elements, misses } of outcome.operations) {
        expect([name, elements]).toEqual([name, name === "whole" ? 0 : succeeded * 4]);
        if (name === "whole") expect(misses).toBe(0);
        else
          expect([name, misses / elements]).toEqual([
            name,
            name === "none" ? 1 : expect.closeTo(0.5, 1),
          ]);
      }
    },
  );

  it.each(YCSB_WORKLOADS)("YCSB %s keeps its mix", async (letter) => {
    const outcome = await run(ycsbWorkload(letter, 500, "kurobe-test:"), 4000);
    expect([outcome.samples, outcome.errors]).toEqual([[], {}]);
    const count = (name: string): number =>
      outcome.operations.find((each) => each.name === name)?.succeeded ?? 0;
    const total = outcome.operations.reduce((sum, { succeeded }) => sum + succeeded, 0);
    expect(total).toBe(4000);
    if (letter === "a") expect(count("UPDATE") / total).toBeCloseTo(0.5, 1);
    if (letter === "c") expect(count("READ")).toBe(total);
    if (letter === "e") expect(count("SCAN") / total).toBeCloseTo(0.95, 1);
    if (letter === "f") {
      // The last write of a connection may be left over when the count is reached.
      expect(count("READ-MODIFY") - count("WRITE-BACK")).toBeLessThanOrEqual(16);
      expect(count("WRITE-BACK")).toBeGreaterThan(500);
    }
    expect(outcome.operations.every(({ misses }) => misses === 0)).toBe(true);
  });
});
