/** `kurobe bench compare` as it is typed, on servers that it starts. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runInMemory } from "../../../test/support/memory-terminal.ts";
import { ENGINES, startServer } from "../../../test/support/resp-servers.ts";
import { type Comparison } from "../../bench/compare/comparison.ts";
import { openConnection } from "../../bench/resp/connection.ts";
import { checkResult } from "../../bench/result/result-file.ts";
import { type BenchResult } from "../../bench/result/result.ts";
import { showTarget } from "../../bench/target/target.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kurobe-compare-"));
  // Engines are installed by whoever starts the first one.
  for (const engine of ENGINES) await (await startServer(engine))[Symbol.asyncDispose]();
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

interface Compared {
  readonly results: readonly BenchResult[];
  readonly comparisons: readonly Comparison[];
  readonly report: string;
}

const QUICK = ["--pairs", "10", "--slice", "20ms", "--warmup", "20ms", "--keys", "50", "--json"];

async function compare(...words: readonly string[]): Promise<Compared> {
  const ran = await runInMemory(["bench", "compare", ...words, ...QUICK], {
    workingDirectory: folder,
  });
  // A slow machine writes its progress to stderr.
  expect([ran.code, ran.code === 0 ? "" : ran.stderr]).toEqual([0, ""]);
  return JSON.parse(ran.stdout) as Compared;
}

const STARTED = ["--start", "redis,valkey"] as const;

describe("kurobe bench compare", () => {
  it("takes structures of several sizes in one go, and maps them", async () => {
    const words = ["--structures", "zset", "--only", "ZADD,ZREM+ZADD", "--sizes", "10,60"];
    const { results, comparisons, report } = await compare(...STARTED, ...words, "-o", "all");
    expect(comparisons.map(({ workload }) => workload)).toEqual(["zset-10", "zset-60"]);
    expect(new Set(results.map(({ pair_id: pairId }) => pairId)).size).toBe(1);
    for (const result of results) {
      checkResult(result, result.config.name);
      expect([result.errors.samples, result.stats.slices.length]).toEqual([[], 10]);
    }
    const questions = comparisons.flatMap(({ rows }) => rows);
    const p50s = comparisons[0]?.rows.filter(({ metric }) => metric === "p50");
    expect(p50s?.map(({ command }) => command)).toContain("ZREM+ZADD");
    const least = questions.toSorted((a, b) => a.p - b.p)[0];
    // Holm: the smallest of all is multiplied by how many there are.
    expect(least?.p_adjusted).toBeCloseTo(Math.min(1, (least?.p ?? 1) * questions.length), 9);
    const page = await readFile(report, "utf8");
    expect(page).toContain("By structure and size");
    expect(page).toContain("zset ZREM+ZADD");
    // Two targets and the twin of the first, for two workloads, and the page.
    expect((await readdir(join(folder, "all"))).length).toBe(7);
  }, 120_000);

  it("runs each operation by itself where that is asked for", async () => {
    const words = ["--structures", "set", "--sizes", "10", "--only", "SADD,SINTER", "--each"];
    const { comparisons, report } = await compare(...STARTED, ...words, "-o", "each");
    expect(comparisons.map(({ workload }) => workload)).toEqual(["set-10 SADD", "set-10 SINTER"]);
    expect(comparisons.every(({ rows }) => rows.every(({ command }) => command === null))).toBe(
      true,
    );
    expect(await readFile(report, "utf8")).toMatch(/>set SADD<[\s\S]*>set SINTER</);
  }, 120_000);

  it("takes YCSB and a file of one's own, at a rate", async () => {
    const text = "keyspaces: { a: { keys: 50, fill: 'SET {key} 1' } }\n";
    await writeFile(
      join(folder, "own.yaml"),
      `${text}operations: { count: { command: 'INCR {key}' } }`,
    );
    const words = ["--ycsb", "d", "--workload", "own.yaml", "--rate", "1k", "--no-output"];
    const { results, comparisons } = await compare(...STARTED, ...words);
    expect(comparisons.map(({ workload }) => workload)).toEqual(["ycsb-d", "own"]);
    for (const { config, errors } of results) {
      expect([config.loop, config.rate, errors.samples]).toEqual(["open", 1000, []]);
    }
    const metrics = comparisons.flatMap(({ rows }) => rows.map(({ metric }) => metric));
    expect(metrics).not.toContain("throughput");
  }, 120_000);

  it("gives a twin on the same server keys of its own where keys are made, and leaves none", async () => {
    await using first = await startServer("redis");
    await using second = await startServer("valkey");
    const targets = [first, second].map(({ target }) => `${target.name}=${showTarget(target)}`);
    const { results } = await compare(...targets, "--ycsb", "d", "--no-output");
    const prefixes = results.map(({ config }) => String(config.workload["prefix"]));
    expect(prefixes[2]).toBe(`${prefixes[0]}twin:`);
    for (const { target } of [first, second]) {
      await using connection = await openConnection(target);
      expect(await connection.call("DBSIZE")).toBe(0);
    }
  }, 120_000);

  it("loads all targets from several threads", async () => {
    const { results } = await compare(...STARTED, "--threads", "3", "-c", "10", "--no-output");
    for (const result of results) {
      checkResult(result, result.config.name);
      const { config, stats, errors, histogram } = result;
      expect([config.workers, config.connections, errors.samples]).toEqual([3, 10, []]);
      expect(stats.slices.map(({ pair }) => pair)).toEqual([...Array(10).keys()]);
      const inSlices = stats.slices.reduce((sum, { requests }) => sum + requests, 0);
      expect([inSlices, histogram.all.count]).toEqual([stats.requests, stats.requests]);
    }
  }, 120_000);

  it("holds publishing and subscribing against each other, by what arrives", async () => {
    await using first = await startServer("redis");
    await using second = await startServer("valkey");
    const targets = [first, second].map(({ target }) => `${target.name}=${showTarget(target)}`);
    const words = ["--pubsub", "--subscribers", "6", "--channels", "2", "--publishers", "3"];
    const { results, comparisons } = await compare(...targets, ...words, "--no-output");
    const rows = comparisons.flatMap((each) => each.rows);
    expect(rows.find(({ metric }) => metric === "throughput")).toMatchObject({ command: null });
    expect(new Set(rows.map(({ command }) => command))).toEqual(new Set([null, "PUBLISH"]));
    // The twin listens on the first server, too: nobody hears what the other is told.
    expect(new Set(results.map(({ config }) => config.workload["prefix"])).size).toBe(3);
    for (const { config, stats, errors } of results) {
      expect([config.connections, errors.samples]).toEqual([3, []]);
      const { PUBLISH: published, DELIVERY: delivered } = stats.by_command;
      expect(delivered?.requests).toBe(6 * (published?.requests ?? 0));
      expect(stats.slices.reduce((sum, { requests }) => sum + requests, 0)).toBe(
        delivered?.requests,
      );
    }
  }, 120_000);

  it.each([
    [[...STARTED, "--pubsub", "--threads", "2"], /--pubsub goes on in one thread/],
    [[...STARTED, "--channels", "2"], /--channels belongs to --pubsub/],
    [[...STARTED, "--sharded"], /--sharded belongs to --pubsub/],
    [[...STARTED, "--pubsub", "--sharded", "--patterns"], /exclude each other/],
    [[...STARTED, "--threads", "51"], /51 threads are more than the 50 connections/],
    [["--start", "redis"], /A comparison needs two engines/],
    [[...STARTED, "--sizes", "10"], /add --structures/],
    [[...STARTED, "--ycsb", "x"], /--workloads x is none of YCSB's/],
    [[...STARTED, "--workload", "absent.yaml"], /absent\.yaml cannot be read/],
  ])("refuses %j", async (words, message) => {
    const ran = await runInMemory(["bench", "compare", ...words], { workingDirectory: folder });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(message);
  });
});
