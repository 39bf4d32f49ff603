import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sql } from "../core/sql.ts";
import { type ColumnPlan, type DatasetPlan } from "../plan/plan.ts";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import {
  chunkRecord,
  DAY_US,
  StorageFixture,
  TICK_COLUMNS,
  TICKS,
} from "../../test/support/storage-fixture.ts";
import { chunkRelation } from "./chunk-reader.ts";
import { writeChunks } from "./chunk-writer.ts";
import { type ChunkRecord } from "./manifest.ts";

let fixture: StorageFixture;
beforeEach(async () => {
  fixture = await StorageFixture.open();
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

function withColumns(...columns: readonly ColumnPlan[]): DatasetPlan {
  return datasetPlan("ticks", columns);
}

const [AT, SYMBOL, PRICE] = TICK_COLUMNS as [ColumnPlan, ColumnPlan, ColumnPlan];

/** One row at `at`, as the dataset was declared then. */
async function writeOne(dataset: DatasetPlan, at: bigint, price: string): Promise<ChunkRecord> {
  const names = dataset.columns.map(({ name }) => sql.id(name));
  const rows = sql`(SELECT ${sql.join([...names, sql`_seq`])} FROM
    (SELECT make_timestamp(${sql.literal(at)}) AS "at", 'A' AS symbol,
            ${sql.keyword(price)} AS price, 1::BIGINT AS _seq))`;
  const source = { dataset, rows, hasTombstones: false, dropDeleted: false };
  const [chunk] = await writeChunks(fixture.target, source);
  return chunk ?? chunkRecord(0);
}

async function select(
  dataset: DatasetPlan,
  chunks: readonly ChunkRecord[],
  column: string,
): Promise<readonly unknown[]> {
  const rows = chunkRelation(dataset, ["_seq"], chunks, fixture.directory, {}) ?? sql.empty;
  const name = sql.id(column);
  const found = await fixture.connection.values(
    sql`SELECT ${name}, typeof(${name}) FROM ${rows} AS r ORDER BY "at"`,
  );
  return found.flat();
}

test("a column that came later reads as its default, or as null", async () => {
  const chunk = await writeOne(withColumns(AT, SYMBOL), 0n, "1");
  const now = withColumns(
    AT,
    SYMBOL,
    columnPlan("size", "int64", { default: "9007199254740993" }),
    columnPlan("since", "timestamp", { default: "2026-01-01 00:00:00" }),
    columnPlan("note", "text", { nullable: true }),
  );
  expect(await select(now, [chunk], "size")).toEqual([9007199254740993n, "BIGINT"]);
  expect((await select(now, [chunk], "since"))[1]).toBe("TIMESTAMP");
  expect(await select(now, [chunk], "note")).toEqual([null, "VARCHAR"]);
});

test("a column that is gone is not read", async () => {
  const chunk = await writeOne(TICKS, 0n, "1");
  expect(await select(withColumns(AT, SYMBOL), [chunk], "symbol")).toEqual(["A", "VARCHAR"]);
});

test("a column of a new type reads as far as its values fit, old and new files together", async () => {
  const asText = withColumns(AT, SYMBOL, columnPlan("price", "text"));
  const asNumber = withColumns(AT, SYMBOL, columnPlan("price", "int64"));
  const chunks = [
    await writeOne(asNumber, 0n, "42"),
    await writeOne(asText, 1n, "CAST(17 AS VARCHAR)"),
    await writeOne(asText, 2n, "chr(65)"),
  ];
  const prices = (found: readonly unknown[]): readonly unknown[] =>
    found.filter((_, index) => index % 2 === 0);
  expect(prices(await select(asNumber, chunks, "price"))).toEqual([42n, 17n, null]);
  expect(prices(await select(asText, chunks, "price"))).toEqual(["42", "17", "A"]);
  expect(prices(await select(asText, chunks.toReversed(), "price"))).toEqual(["42", "17", "A"]);
});

describe("a time range", () => {
  const chunks = [1n, 2n, 3n].map((day) =>
    chunkRecord(Number(day), {
      minEventTimeUs: String(day * DAY_US),
      maxEventTimeUs: String(day * DAY_US + 10n),
    }),
  );
  const filesIn = (fromUs?: bigint, toUs?: bigint): number =>
    chunkRelation(TICKS, ["_seq"], chunks, "/data", { fromUs, toUs })?.text.match(/\.parquet/g)
      ?.length ?? 0;

  test("leaves out the files that cannot hold its rows, and no others", () => {
    expect(filesIn()).toBe(3);
    expect(filesIn(2n * DAY_US + 10n)).toBe(2);
    expect(filesIn(2n * DAY_US + 11n)).toBe(1);
    expect(filesIn(undefined, 2n * DAY_US)).toBe(1);
    expect(filesIn(undefined, 2n * DAY_US + 1n)).toBe(2);
    expect(filesIn(2n * DAY_US, 2n * DAY_US + 1n)).toBe(1);
  });

  test("that no file covers gives null", () => {
    expect(chunkRelation(TICKS, ["_seq"], chunks, "/data", { fromUs: 9n * DAY_US })).toBeNull();
    expect(chunkRelation(TICKS, ["_seq"], [], "/data", {})).toBeNull();
  });
});

test("conditions reach the file, so that row groups can be left out", async () => {
  const chunk = await writeOne(withColumns(AT, SYMBOL, PRICE), 0n, "CAST(2 AS DOUBLE)");
  const rows = chunkRelation(TICKS, ["_seq"], [chunk], fixture.directory, {}) ?? sql.empty;
  const [plan] = await fixture.connection.values(
    sql`EXPLAIN (FORMAT json) SELECT symbol FROM ${rows} AS r WHERE symbol >= 'A'`,
  );
  const text = plan?.[1] as string;
  expect(text).toContain("READ_PARQUET");
  expect(text).not.toMatch(/"name": *"FILTER/);
  expect(text).toMatch(/"Filters": *"symbol>=/);
});

test("a data directory that looks like a pattern is not taken for one", () => {
  const directory = join("/data", "a[b]*?");
  const text = chunkRelation(TICKS, ["_seq"], [chunkRecord(1)], directory, {})?.text;
  expect(text).toContain("a[[]b][*][?]");
});
