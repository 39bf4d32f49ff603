import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Decoding, openDecoding } from "../../test/support/decoding.ts";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import { sql } from "../core/sql.ts";
import { type Database } from "../duckdb/duckdb.ts";
import { type BodyFormat } from "../log/entry.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { type Batch, type Staged } from "./batch.ts";
import { type Decoder } from "./decoder.ts";

const NOON_US = BigInt(Date.UTC(2026, 0, 1, 12)) * 1000n;
const SECOND_US = 1_000_000n;

const clicks = datasetPlan("clicks", [
  columnPlan("came", "timestamp", { received: true, zone: "UTC" }),
  columnPlan("page", "text"),
]);

let decoding: Decoding;
let database: Database;
let decoder: Decoder;

beforeAll(async () => {
  decoding = await openDecoding();
  ({ database, decoder } = decoding);
});
afterAll(() => decoding[Symbol.asyncDispose]());

function batch(format: BodyFormat, body: string | Uint8Array, receivedAtUs: bigint): Batch {
  const header = {
    kind: "batch",
    dataset: "clicks",
    format,
    onInvalid: "reject",
    receivedAtUs,
    producer: "",
    idempotencyKey: "",
  } as const;
  return { position: 1, header, body: Buffer.from(body) };
}

/** Microseconds after noon, and the page. */
async function rowsOf(staged: Staged): Promise<readonly unknown[]> {
  if (staged.content.kind !== "columns") throw new Error("a small body is kept in columns");
  await using connection = await database.connect();
  await connection.run(sql`CREATE OR REPLACE TABLE stored (came TIMESTAMP, page TEXT)`);
  const { columns, rows } = staged.content.columns;
  connection.appendColumns(["stored"], columns, [{ start: 0, end: rows }]);
  return await connection.values(
    sql`SELECT epoch_us(came) - ${sql.literal(NOON_US)}, page FROM stored ORDER BY rowid`,
  );
}

async function stage(dataset: DatasetPlan, batches: readonly Batch[]): Promise<Staged> {
  const staged = await decoder.stage(dataset, batches);
  expect(staged.decoded.map(({ kind }) => kind)).toEqual(batches.map(() => "rows"));
  return staged;
}

test("rows without a time get the one at which their own body was received", async () => {
  const lines = `{"page":"a"}\n{"page":"b","came":null}\n{"page":"c","came":"2026-01-01T11:59:58Z"}\n`;
  await using staged = await stage(clicks, [
    batch("ndjson", lines, NOON_US),
    batch("ndjson", `{"page":"d"}\n{"\\u0070age":"e"}\n`, NOON_US + SECOND_US),
  ]);
  expect(await rowsOf(staged)).toEqual([
    [0n, "a"],
    [0n, "b"],
    [-2_000_000n, "c"],
    [1_000_000n, "d"],
    [1_000_000n, "e"],
  ]);
  expect(staged.eventTimeUs).toEqual({
    min: NOON_US - 2n * SECOND_US,
    max: NOON_US + SECOND_US,
    disorder: 2n * SECOND_US,
  });
});

test("a CSV need not have the column, and may leave its fields empty", async () => {
  await using without = await stage(clicks, [batch("csv", "page\na\nb\n", NOON_US)]);
  expect(await rowsOf(without)).toEqual([
    [0n, "a"],
    [0n, "b"],
  ]);
  const csv = "came,page\n,a\n2026-01-01T12:00:05Z,b\n";
  await using some = await stage(clicks, [batch("csv", csv, NOON_US + SECOND_US)]);
  expect(await rowsOf(some)).toEqual([
    [1_000_000n, "a"],
    [5_000_000n, "b"],
  ]);
});

test("so does a Parquet file", async () => {
  const path = join(decoding.directory, "clicks.parquet");
  await using connection = await database.connect();
  await connection.run(sql`COPY (SELECT 'a' AS page) TO ${sql.literal(path)} (FORMAT parquet)`);
  await using staged = await stage(clicks, [batch("parquet", await readFile(path), NOON_US)]);
  expect(await rowsOf(staged)).toEqual([[0n, "a"]]);
  expect(staged.eventTimeUs).toEqual({ min: NOON_US, max: NOON_US, disorder: 0n });
});

test("a default of the event time is seen as the time that it is", async () => {
  const dated = datasetPlan("clicks", [
    columnPlan("came", "timestamp", { default: "2020-01-01T00:00:00.000000Z" }),
    columnPlan("page", "text"),
  ]);
  await using staged = await stage(dated, [batch("ndjson", `{"page":"a"}\n`, NOON_US)]);
  const at = BigInt(Date.UTC(2020, 0, 1)) * 1000n;
  expect(staged.eventTimeUs).toEqual({ min: at, max: at, disorder: 0n });
});
