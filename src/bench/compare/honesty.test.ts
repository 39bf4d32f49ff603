/** What a comparison must not claim, and must not miss, over real servers. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runInMemory } from "../../../test/support/memory-terminal.ts";
import { startServer } from "../../../test/support/resp-servers.ts";
import { percentileUs } from "../result/histogram-record.ts";
import { resultJsonSchema } from "../result/result-json-schema.ts";
import { type BenchResult } from "../result/result.ts";
import { measure } from "../run/measure.ts";
import { type PairedTarget, runPairs } from "../run/run-pairs.ts";
import { type RunPlan } from "../run/run-plan.ts";
import { type LocalServer } from "../target/local-server.ts";
import { kvWorkload } from "../workload/kv.ts";
import { compareResults } from "./comparison.ts";

const fits = new Ajv2020({ strict: false, validateFormats: false }).compile(resultJsonSchema());

let first: LocalServer;
let second: LocalServer;
let folder = "";
beforeAll(async () => {
  first = await startServer("redis");
  second = await startServer("redis");
  folder = await mkdtemp(join(tmpdir(), "kurobe-honesty-"));
}, 300_000);
afterAll(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function planFor(server: LocalServer, name: string, changes: Partial<RunPlan> = {}): RunPlan {
  const workload = kvWorkload({
    ...{ mix: { get: 1 }, keyCount: 50, distribution: { kind: "uniform" }, hitRatio: 1 },
    ...{ value: { kind: "fixed", bytes: 64 }, ttlSeconds: 0, batch: 1, prefix: `${name}:` },
  });
  return {
    ...{ target: { ...server.target, name }, workload, kind: "kv", labels: {} },
    ...{ connections: 10, depth: 1, workers: 1, pace: { kind: "closed" }, seed: 1 },
    ...{ durationMs: 2000, requests: Number.POSITIVE_INFINITY, warmupMs: 100, timeoutMs: 5000 },
    ...{ isFilled: true, isCleaned: true },
    ...changes,
  };
}

async function compare(lanes: readonly RunPlan[]): Promise<readonly BenchResult[]> {
  const targets = lanes.map((plan): PairedTarget => ({ plan, twinOf: null, pinning: null }));
  return await runPairs({ targets, pairs: 30, sliceMs: 30, seed: 1 });
}

describe("two equal servers", () => {
  it("are not called different, and their results fit the published schema", async () => {
    const results = await compare([planFor(first, "one"), planFor(second, "other")]);
    for (const result of results) {
      fits(result);
      expect(fits.errors).toBe(null);
      expect(result.stats.slices).toHaveLength(30);
      expect(result).toMatchObject({ engine_type: "Redis", errors: { total: 0 } });
    }
    // A busy machine may show a few per cent in so short a run; equal servers never differ by this.
    const { rows } = compareResults(results, { minEffect: 0.3 });
    expect(rows.map(({ metric, verdict }) => [metric, verdict])).toContainEqual([
      "throughput",
      "no_difference_shown",
    ]);
    expect(rows.filter(({ verdict }) => verdict !== "no_difference_shown")).toEqual([]);
  }, 60_000);
});

describe("a slower server", () => {
  it("is found: one that has far more to send for each request", async () => {
    const slow = planFor(second, "slow");
    const keyspaces = slow.workload.keyspaces.map((each) => ({
      ...each,
      value: { kind: "fixed", bytes: 262_144 } as const,
    }));
    const results = await compare([
      planFor(first, "quick"),
      { ...slow, workload: { ...slow.workload, keyspaces } },
    ]);
    // The sizes differ on purpose: what is told apart here is servers that are unlike.
    const [hash] = results.map(({ config }) => config.workload_sha256);
    const same = results.map((each) => ({
      ...each,
      config: { ...each.config, workload_sha256: hash ?? "" },
    }));
    const { rows } = compareResults(same);
    expect(rows.find(({ metric }) => metric === "throughput")).toMatchObject({ verdict: "slower" });
  }, 60_000);
});

describe("a server that stands still for 500 ms", () => {
  /** Stopped and continued while `measure` runs: nothing in the client knows. */
  async function stalled(plan: RunPlan): Promise<BenchResult> {
    let timer: NodeJS.Timeout | undefined;
    const result = await measure(plan, {
      onStep: (step) => {
        if (step.kind !== "measuring" || timer !== undefined) return;
        first.process.kill("SIGSTOP");
        timer = setTimeout(() => first.process.kill("SIGCONT"), 500);
      },
    });
    expect(timer).not.toBe(undefined);
    return result;
  }

  it("shows in the 99th percentile of an open loop, and hides from a closed one", async () => {
    // Two requests at most are in flight, and late: few of those that a slow machine sends at all.
    const few = { connections: 2, durationMs: 3000 };
    const pace = { kind: "open", perSecond: 1000, arrival: "constant" } as const;
    const open = await stalled(planFor(first, "open", { ...few, pace }));
    const closed = await stalled(planFor(first, "closed", few));
    expect(open.stats.latency_ms).toMatchObject({ from: "intended" });
    const p99Ms = ({ histogram }: BenchResult) => (percentileUs(histogram.all, 0.99) ?? 0) / 1000;
    expect(p99Ms(open)).toBeGreaterThan(400);
    expect(closed.stats.latency_ms.max).toBeGreaterThan(400);
    expect(p99Ms(closed)).toBeLessThan(100);
  }, 60_000);
});

describe("kurobe bench compare", () => {
  it("writes results and a report, and judges in words", async () => {
    const { code, stdout, stderr } = await runInMemory(
      [
        ...["bench", "compare", `one=redis://127.0.0.1:${first.port}`],
        ...[`other=redis://127.0.0.1:${second.port}`, "--pairs", "12", "--slice", "20ms"],
        ...["--keys", "500", "--warmup", "50ms", "--output", "out", "--md", "out/summary.md"],
      ],
      { workingDirectory: folder },
    );
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("error") as string]);
    expect(stdout).toMatch(/throughput .*(faster|slower|no difference shown)/);
    const files = await readdir(join(folder, "out"));
    expect(files.filter((name) => name.endsWith(".json"))).toHaveLength(3);
    for (const name of files.filter((each) => each.endsWith(".json"))) {
      fits(JSON.parse(await readFile(join(folder, "out", name), "utf8")));
      expect(fits.errors).toBe(null);
    }
    expect(await readFile(join(folder, "out", "report.html"), "utf8")).toContain(">Ratios</h3>");
    expect(await readFile(join(folder, "out", "summary.md"), "utf8")).toContain(
      "### one and other",
    );
  }, 60_000);

  it("wants two targets with names of their own", async () => {
    const url = `a=redis://127.0.0.1:${first.port}`;
    const lone = await runInMemory(["bench", "compare", url]);
    expect(lone).toMatchObject({ code: 1, stderr: expect.stringMatching(/two engines/) as string });
    const twice = await runInMemory(["bench", "compare", url, url]);
    expect(twice).toMatchObject({ code: 1, stderr: expect.stringMatching(/called a/) as string });
  });
});
