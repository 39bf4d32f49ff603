/** What becomes of results: tables in a dataset that is asked in SQL, and a gate in a workflow. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import benchmarks from "../../../examples/benchmarks/kurobe.config.ts";
import { type CliRun, runInMemory } from "../../../test/support/memory-terminal.ts";
import { startServer } from "../../../test/support/resp-servers.ts";
import { openServed, type Served, TOKEN } from "../../../test/support/served-platform.ts";
import { ROOT } from "../../../test/source-files.ts";
import { type LocalServer } from "../../bench/target/local-server.ts";
import { splitCommand } from "../../bench/workload/split-command.ts";

let folder: string;
let engine: LocalServer;
let served: Served;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kurobe-results-"));
  engine = await startServer("redis");
  served = await openServed(benchmarks);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function run(...args: readonly string[]): Promise<CliRun> {
  return await runInMemory(args, {
    workingDirectory: folder,
    environment: { KUROBE_URL: served.server.url, KUROBE_TOKEN: TOKEN },
  });
}

async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return stdout;
}

describe("results in a dataset", () => {
  it("are loaded with two commands, as CSV or Parquet, and asked in SQL", async () => {
    const target = `cache=redis://127.0.0.1:${engine.port}`;
    const quick = ["-c", "4", "-k", "100", "-n", "2000", "--warmup", "10ms", "-o", "results"];
    await ok("bench", "kv", target, ...quick);
    await ok("bench", "structures", target, "--structures", "zset", "--sizes", "5,50", ...quick);
    const tables = ["--csv", "results.csv", "--parquet", "results.parquet"];
    await ok("bench", "report", "results", ...tables);
    // The same rows twice: the key makes the second ones replace the first.
    await ok("ingest", "results", "results.csv");
    await ok("ingest", "results", "results.parquet");
    const text = await ok(
      "sql",
      "--json",
      `SELECT workload, count(*)::INTEGER AS rows, sum(requests)::INTEGER AS requests
       FROM results WHERE target = 'cache' AND label <> '*' GROUP BY workload ORDER BY workload`,
    );
    const perWorkload = JSON.parse(text) as { readonly rows: readonly unknown[] };
    expect(perWorkload.rows).toEqual([
      ["kv", 2, 2000],
      ["zset-5", 10, 2000],
      ["zset-50", 10, 2000],
    ]);
    const sizes = await ok(
      "sql",
      "--json",
      `SELECT size::INTEGER AS size FROM results
       WHERE label = 'ZADD' AND p50_ms > 0 AND engine_type = 'Redis' ORDER BY size`,
    );
    expect((JSON.parse(sizes) as { rows: unknown }).rows).toEqual([[5], [50]]);
  }, 120_000);
});

describe("the example workflow", () => {
  interface Workflow {
    readonly jobs: { readonly redis: { readonly steps: readonly { readonly run?: string }[] } };
  }

  it("measures, passes its own baseline, fails a worse one, and writes a summary", async () => {
    const path = join(ROOT, "docs", "examples", "benchmark-gate.yml");
    const workflow = parse(await readFile(path, "utf8")) as Workflow;
    const lines = workflow.jobs.redis.steps
      .flatMap(({ run: line }) => line ?? [])
      .filter((line) => line.startsWith("npx kurobe "))
      .map((line) => (splitCommand(line) ?? []).slice(2))
      .map((words) => words.map((word) => word.replace("$GITHUB_STEP_SUMMARY", "summary.md")));
    const [measuring, gating, reporting] = lines;
    if (measuring === undefined || gating === undefined || reporting === undefined) {
      throw new Error("the workflow measures, gates and reports");
    }
    // A number of requests in place of a time: p99 needs a thousand, whatever the machine does.
    const short: Readonly<Record<string, string>> = { "--duration": "--requests", "30s": "3000" };
    const quick = measuring.map((word) => short[word] ?? word);
    const shorter = [...quick, "-k", "200", "--warmup", "10ms", "-c", "4"];
    const intoBaseline = (word: string): string => (word === "results" ? "bench/baseline" : word);
    await ok(...shorter.map(intoBaseline));
    const [baseline = ""] = await readdir(join(folder, "bench/baseline"));
    const good = await readFile(join(folder, "bench/baseline", baseline), "utf8");
    await rm(join(folder, "results"), { recursive: true, force: true });
    // The very same figures: whatever the machine does meanwhile, nothing got worse.
    await ok("bench", "report", "bench/baseline", "--out", "page.html");
    expect(await ok(...gating.map(intoBaseline))).toMatch(/throughput/);
    await ok(...shorter);
    const better = JSON.parse(good) as { stats: { throughput_ops: number } };
    better.stats.throughput_ops *= 1000;
    await writeFile(join(folder, "bench/baseline", baseline), JSON.stringify(better));
    const failed = await run(...gating);
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringContaining("KRB_BENCH_REGRESSION") as string,
    ]);
    await ok(...reporting);
    expect(await readFile(join(folder, "summary.md"), "utf8")).toMatch(/^### Redis /);
  }, 120_000);
});
