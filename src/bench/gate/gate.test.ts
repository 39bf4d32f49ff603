import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { madeResult } from "../../../test/support/bench-results.ts";
import { runInMemory } from "../../../test/support/memory-terminal.ts";
import { writeResult } from "../result/result-file.ts";
import { gate, readLimits } from "./gate.ts";

function made(factor: number, name = "redis") {
  const latenciesUs = Array.from({ length: 2000 }, (_, index) => factor * (100 + (index % 100)));
  return madeResult({
    name,
    durationS: 10 * factor,
    commands: [{ label: "GET", latenciesUs }],
    timeseries: Array.from({ length: 20 }, (_, index) => ({
      ...{ t_s: index + 1, ops: (200 + (index % 3)) / factor, errors: 0, max_ms: 1 },
      ...{ p50_ms: 0.15 * factor, p99_ms: 0.2 * factor, client_cpu: null, server_cpu: null },
      client_loop_delay_ms: null,
    })),
  });
}

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kurobe-gate-"));
  await writeResult(join(folder, "base", "redis.json"), made(1));
  await writeResult(join(folder, "same", "redis.json"), made(1.02));
  await writeResult(join(folder, "worse", "redis.json"), made(1.3));
  await writeResult(join(folder, "other", "redis.json"), made(1, "valkey"));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

describe("limits", () => {
  it("are shares by figure", () => {
    expect(readLimits("p99=10%, throughput=0.05,p99.9=50%")).toEqual([
      { figure: "p99", share: 0.1 },
      { figure: "throughput", share: 0.05 },
      { figure: "p99.9", share: 0.5 },
    ]);
  });

  it.each(["", "p98=10%", "p99", "p99=ten", "p99=10%,", "toString=1%"])("refuse %j", (text) => {
    expect(() => readLimits(text)).toThrow(/no limit|no figure/);
  });
});

describe("the gate", () => {
  it("tells worse from better, whichever way the figure points", () => {
    const limits = readLimits("p99=10%,throughput=10%");
    const rows = gate([made(1.3)], [made(1)], limits);
    expect(rows).toMatchObject([
      { figure: "p99", verdict: "regressed", regression: expect.closeTo(0.3, 1) as number },
      { figure: "throughput", verdict: "regressed", regression: expect.closeTo(0.23, 2) as number },
    ]);
    expect(rows[1]?.low).toBeGreaterThan(0.2);
    expect(rows[1]?.high).toBeLessThan(0.26);
    expect(gate([made(0.7)], [made(1)], limits).map(({ verdict }) => verdict)).toEqual([
      "passed",
      "passed",
    ]);
  });

  it("does not judge what it cannot compare", () => {
    const limits = readLimits("p99.9=10%");
    expect(gate([made(1)], [made(1)], limits)).toMatchObject([
      { verdict: "unknown", baseline: null },
    ]);
    const invalid = { ...made(1), validity: { is_valid: false, is_partial: false, reasons: [] } };
    const rows = gate([invalid], [made(1)], readLimits("p50=10%"));
    expect(rows).toMatchObject([{ verdict: "unknown" }]);
  });
});

describe("kurobe bench gate", () => {
  const judge = (current: string, ...more: readonly string[]) =>
    runInMemory(["bench", "gate", current, "--baseline", "base", ...more], {
      workingDirectory: folder,
    });

  it("passes within the limits, with the figures in a table", async () => {
    const { code, stdout } = await judge("same");
    expect(code).toBe(0);
    expect(stdout).toMatch(/redis .*throughput .*2\.0 % worse .* passed/);
  });

  it("fails with exit code 1 where something got worse", async () => {
    const { code, stderr, stdout } = await judge("worse", "--max-regression", "p99=10%", "--json");
    expect(code).toBe(1);
    expect(stderr).toContain("KRB_BENCH_REGRESSION");
    expect(JSON.parse(stdout)).toMatchObject({ rows: [{ figure: "p99", verdict: "regressed" }] });
  });

  it("fails with exit code 2 where there is nothing to hold against", async () => {
    const { code, stderr } = await judge("other");
    expect(code).toBe(2);
    expect(stderr).toMatch(/could not be judged: valkey kv p99/i);
  });

  it("refuses missing files, wrong limits and a missing baseline", async () => {
    expect((await judge("nowhere.json")).stderr).toContain("KRB_BENCH_RESULT_FILE");
    expect((await judge("same", "--max-regression", "p98=1%")).stderr).toContain(
      "KRB_BENCH_LIMITS",
    );
    const bare = await runInMemory(["bench", "gate", "same"], { workingDirectory: folder });
    expect(bare).toMatchObject({ code: 1 });
    expect(bare.stderr).toContain("--baseline");
  });
});

describe("kurobe bench report", () => {
  it("writes page, summary and tables, and says what they show", async () => {
    const files = [
      "--out",
      "out/r.html",
      "--md",
      "r.md",
      "--csv",
      "r.csv",
      "--parquet",
      "r.parquet",
    ];
    const { code, stdout, stderr } = await runInMemory(
      ["bench", "report", "base", join("other", "redis.json"), ...files],
      { workingDirectory: folder },
    );
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/No difference in throughput between valkey and redis/);
    expect(await readFile(join(folder, "out", "r.html"), "utf8")).toContain("<!doctype html>");
    expect(await readFile(join(folder, "r.md"), "utf8")).toMatch(/^### /);
    expect((await readFile(join(folder, "r.csv"), "utf8")).split("\n")).toHaveLength(6);
    expect((await readFile(join(folder, "r.parquet"))).subarray(0, 4).toString()).toBe("PAR1");
  });

  it("says where there are no results", async () => {
    const { code, stderr } = await runInMemory(["bench", "report", "."], {
      workingDirectory: folder,
    });
    expect(code).toBe(1);
    expect(stderr).toContain("KRB_BENCH_RESULT_FILE");
  });
});
