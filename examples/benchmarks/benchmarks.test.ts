import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeParquet } from "../../src/bench/report/parquet-export.ts";
import { csvOf, resultRows } from "../../src/bench/report/result-rows.ts";
import { sql } from "../../src/core/sql.ts";
import { madeResult } from "../../test/support/bench-results.ts";
import { type ExamplePlatform, openExample } from "../example-platform.ts";
import project from "./kurobe.config.ts";

const latencies = (count: number, us: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => us * (1 + (index % 10) / 100));

const results = [
  madeResult({
    name: "redis",
    workload: "structures, by size",
    commands: [
      { label: "ZADD 100", structure: "zset", size: 100, latenciesUs: latencies(2000, 400) },
      { label: "ZADD 1000", structure: "zset", size: 1000, latenciesUs: latencies(1000, 800) },
    ],
  }),
  madeResult({
    name: "valkey",
    engine: "Valkey",
    version: "8.0.1",
    workload: "structures, by size",
    commands: [
      { label: "ZADD 100", structure: "zset", size: 100, latenciesUs: latencies(2200, 380) },
      { label: "ZADD 1000", structure: "zset", size: 1000, latenciesUs: latencies(900, 850) },
    ],
  }),
];

let example: ExamplePlatform;
let folder = "";

beforeAll(async () => {
  example = await openExample(project);
  folder = await mkdtemp(join(tmpdir(), "kurobe-results-"));
});

afterAll(async () => {
  await example[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it("loads results as CSV, and asks which engine did most", async () => {
  const csv = Buffer.from(csvOf(resultRows(results)));
  expect(await example.ingest("results", csv, "csv")).toMatchObject({ accepted: 6, rejected: 0 });
  const best = await example.rows(sql`
    SELECT engine_type, engine_version, throughput_ops, p99_99_ms
    FROM results WHERE label = '*' ORDER BY throughput_ops DESC`);
  expect(best).toEqual([
    { engine_type: "Valkey", engine_version: "8.0.1", throughput_ops: 310, p99_99_ms: null },
    { engine_type: "Redis", engine_version: "7.0.15", throughput_ops: 300, p99_99_ms: null },
  ]);
  const sizes = await example.rows(sql`
    SELECT target, structure, size::INTEGER AS size, requests::INTEGER AS requests
    FROM results WHERE size IS NOT NULL ORDER BY target, size`);
  expect(sizes[3]).toEqual({ target: "valkey", structure: "zset", size: 1000, requests: 900 });
});

it("takes the same results as Parquet, which replace themselves", async () => {
  const path = join(folder, "results.parquet");
  await writeParquet(path, resultRows(results));
  const outcome = await example.ingest("results", await readFile(path), "parquet");
  expect(outcome).toMatchObject({ accepted: 6, rejected: 0 });
  const [counted] = await example.rows(sql`
    SELECT count(*)::INTEGER AS rows, sum(requests)::INTEGER AS requests,
      min(measured_at)::VARCHAR AS first
    FROM results WHERE label = '*'`);
  expect(counted).toEqual({ rows: 2, requests: 6100, first: "2026-03-01 10:00:00" });
});
