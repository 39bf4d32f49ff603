import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { histogramOf, madeResult } from "../../../test/support/bench-results.ts";
import { percentileUs, recordOf } from "./histogram-record.ts";
import { describeLatency } from "./latency-summary.ts";
import { readResult, readResults, writeResult } from "./result-file.ts";
import { resultJsonSchema } from "./result-json-schema.ts";
import { type BenchResult } from "./result.ts";

const latenciesUs = Array.from({ length: 20_000 }, (_, index) => 100 + (index % 997));
const result = madeResult({ name: "redis", commands: [{ label: "GET", latenciesUs }] });

/** Judges by the published schema alone, with a validator that is not ours. */
const fits = new Ajv2020({ strict: false, validateFormats: false }).compile(resultJsonSchema());

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kurobe-result-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

describe("a result file", () => {
  it("comes back as it was written, and fits the published schema", async () => {
    const path = join(folder, "new", "redis.json");
    await writeResult(path, result);
    expect(await readResult(path)).toEqual(result);
    fits(JSON.parse(await readFile(path, "utf8")));
    expect(fits.errors).toBe(null);
    expect(await readdir(join(folder, "new"))).toEqual(["redis.json"]);
  });

  it("has the names that other tools look for at its top", () => {
    expect(Object.keys(result)).toEqual(
      expect.arrayContaining([
        "config",
        "engine_type",
        "engine_version",
        "start_time",
        "end_time",
        "stats",
        "environment",
        "histogram",
        "errors",
      ]),
    );
  });

  const wrong: readonly (readonly [string, (copy: Mutable) => void, RegExp])[] = [
    ["lacks a figure", (copy) => delete copy.stats["requests"], /stats\.requests/],
    ["has a count that is no whole number", (copy) => (copy.stats["requests"] = 1.5), /requests/],
    ["has a name that nobody knows", (copy) => (copy.stats["request"] = 1), /request/],
    ["names an engine in another way", (copy) => (copy["engine_type"] = "redis"), /engine_type/],
    ["is of a later schema", (copy) => (copy["schema"] = "kurobe.bench/2"), /schema/],
  ];

  it.each(wrong)("is refused when it %s, by us and by the schema", async (_, spoil, message) => {
    const copy = structuredClone(result) as unknown as Mutable;
    spoil(copy);
    const path = join(folder, "wrong.json");
    await writeFile(path, JSON.stringify(copy));
    await expect(readResult(path)).rejects.toMatchObject({
      code: "KRB_BENCH_RESULT_INVALID",
      message: expect.stringMatching(message) as string,
    });
    expect(fits(copy)).toBe(false);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("never holds %d", async (value) => {
    const path = join(folder, "nan.json");
    const spoiled: BenchResult = {
      ...result,
      config: { ...result.config, workload: { name: "kv", kind: "kv", theta: value } },
      stats: { ...result.stats, throughput_ops: value },
    };
    const error: unknown = await writeResult(path, spoiled).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "KRB_BENCH_RESULT_INVALID" });
    expect(String(error)).toMatch(/stats\.throughput_ops/);
    expect(JSON.stringify(error)).toMatch(/config\.workload\.theta/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("is found in a folder among other JSON", async () => {
    await writeResult(join(folder, "b.json"), result);
    await writeResult(join(folder, "a.json"), { ...result, run_id: "first" });
    await writeFile(join(folder, "package.json"), "{}");
    const found = await readResults([folder, join(folder, "b.json")]);
    expect(found.map(({ run_id }) => run_id)).toEqual(["first", "run-redis", "run-redis"]);
  });

  it("says which file is missing or cut", async () => {
    await expect(readResult(join(folder, "none.json"))).rejects.toMatchObject({
      code: "KRB_BENCH_RESULT_FILE",
      message: expect.stringContaining("none.json") as string,
    });
    await writeFile(join(folder, "cut.json"), '{"schema":"kurobe.bench/1",');
    await expect(readResult(join(folder, "cut.json"))).rejects.toMatchObject({
      code: "KRB_BENCH_RESULT_INVALID",
    });
  });
});

interface Mutable extends Record<string, unknown> {
  readonly stats: Record<string, unknown>;
}

describe("a latency distribution", () => {
  it("gives percentiles within 1 % of the sorted values", () => {
    const sorted = latenciesUs.toSorted((left, right) => left - right);
    const record = recordOf(histogramOf(latenciesUs));
    for (const share of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
      const found = percentileUs(record, share) ?? 0;
      expect(Math.abs(found / exact - 1)).toBeLessThan(0.01);
    }
  });

  it("leaves out percentiles that too few requests stand behind, and says why", () => {
    const summary = describeLatency(histogramOf(latenciesUs.slice(0, 999)), "send");
    expect(summary).toMatchObject({ p95: expect.any(Number) as number, p99: null, p99_9: null });
    expect(summary.missing["p99"]).toBe("needs 1000 requests, there were 999");
  });

  it("of nothing has no figures", () => {
    const summary = describeLatency(histogramOf([]), "intended");
    expect(summary).toMatchObject({ n: 0, mean: null, p50: null, max: null });
    expect(summary.missing["mean"]).toBe("there were no requests");
  });
});
