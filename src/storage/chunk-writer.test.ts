import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sql } from "../core/sql.ts";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import {
  DAY_US,
  KEYED,
  LATEST,
  StorageFixture,
  type TickRow,
  TICKS,
} from "../../test/support/storage-fixture.ts";
import { writeChunks } from "./chunk-writer.ts";
import { hashFile } from "./file-hash.ts";
import { type ChunkRecord } from "./manifest.ts";
import { parquetFile } from "./parquet-file.ts";
import { listFiles } from "./sweep.ts";

let fixture: StorageFixture;
beforeEach(async () => {
  fixture = await StorageFixture.open();
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const day = (text: string): bigint => BigInt(Date.parse(text)) * 1000n;
const MAY_DAY = day("2026-05-01");

function tick(at: bigint, symbol = "A", price: number | null = 1, deleted = false): TickRow {
  return { at, symbol, price, deleted };
}

async function write(
  rows: readonly TickRow[],
  dataset = TICKS,
  rest: Parameters<StorageFixture["source"]>[2] = {},
): Promise<readonly ChunkRecord[]> {
  return writeChunks(fixture.target, await fixture.source(rows, dataset, rest));
}

describe("a chunk", () => {
  test("says of its file what is so", async () => {
    const rows = [tick(MAY_DAY + 5n, "B"), tick(MAY_DAY + 9n, "A"), tick(MAY_DAY + 7n, "A", null)];
    const [chunk, ...others] = await write(rows);
    expect(others).toEqual([]);
    const path = "chunks/ticks/2026-05-01/0000000001.parquet";
    expect(chunk).toEqual({
      id: 1,
      dataset: "ticks",
      partition: "2026-05-01",
      path,
      rows: 3,
      minEventTimeUs: String(MAY_DAY + 5n),
      maxEventTimeUs: String(MAY_DAY + 9n),
      minSeq: 1,
      maxSeq: 3,
      ...(await hashFile(fixture.disk, join(fixture.directory, path))),
      columns: [
        { name: "at", type: "TIMESTAMP" },
        { name: "symbol", type: "VARCHAR" },
        { name: "price", type: "DOUBLE" },
      ],
      tier: "hot",
    });
  });

  test("is sorted by its text column, then by time, then by arrival", async () => {
    const chunks = await write([
      tick(MAY_DAY + 1n, "B", 1),
      tick(MAY_DAY + 2n, "A", 2),
      tick(MAY_DAY + 1n, "A", 3),
      tick(MAY_DAY + 1n, "A", 4),
    ]);
    const order = sql`file_row_number`;
    const file = parquetFile(join(fixture.directory, chunks[0]?.path ?? ""));
    const found = await fixture.connection.values(
      sql`SELECT _seq FROM read_parquet(${file}, file_row_number = true) ORDER BY ${order}`,
    );
    expect(found.flat()).toEqual([3n, 4n, 2n, 1n]);
  });

  test("is synced, and its name too, before it is given out", async () => {
    await write([tick(MAY_DAY)]);
    const path = "/chunks/ticks/2026-05-01";
    const { history } = fixture.disk;
    expect(history.at(-2)).toBe(`syncFile ${path}/0000000001.parquet`);
    expect(history.at(-1)).toBe(`syncDirectory ${path}`);
    const [chunk] = await write([tick(MAY_DAY, "Z")]);
    await fixture.disk.crash(1);
    const found = await hashFile(fixture.disk, join(fixture.directory, chunk?.path ?? ""));
    expect(found.sha256).toBe(chunk?.sha256);
  });

  test("keeps every type and null as it was", async () => {
    const dataset = datasetPlan("all", [
      columnPlan("at", "timestamp"),
      columnPlan("flag", "boolean"),
      columnPlan("small", "int32"),
      columnPlan("big", "int64"),
      columnPlan("ratio", "float64"),
      columnPlan("amount", { kind: "decimal", precision: 38, scale: 4 }),
      columnPlan("note", "text"),
      columnPlan("born", "date"),
      columnPlan("extra", "json"),
    ]);
    await fixture.connection.run(sql`CREATE TABLE wide AS SELECT
      TIMESTAMP '2026-05-01 23:59:59.999999' AS "at", true AS flag, (-2147483648)::INTEGER AS small,
      9223372036854775807::BIGINT AS big, 5e-324::DOUBLE AS ratio,
      '-9999999999999999999999999999999999.9999'::DECIMAL(38,4) AS amount, 'a''b"ü👍' AS note,
      DATE '0001-01-01' AS born, '{"a": [1, null]}'::JSON AS extra, 1::BIGINT AS _seq
      UNION ALL SELECT TIMESTAMP '2026-05-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2`);
    const rows = sql`wide`;
    const [chunk] = await writeChunks(fixture.target, {
      dataset,
      rows,
      hasTombstones: false,
      dropDeleted: false,
      expectedRows: 2,
    });
    const names = sql.join([...dataset.columns.map(({ name }) => sql.id(name)), sql`_seq`]);
    const file = parquetFile(join(fixture.directory, chunk?.path ?? ""));
    const [lost] = await fixture.connection.values(
      sql`SELECT count(*) FROM (SELECT ${names} FROM wide EXCEPT SELECT ${names} FROM read_parquet(${file}))`,
    );
    expect(lost).toEqual([0n]);
    const types = sql`SELECT typeof(amount), typeof(extra), typeof(born)`;
    expect(
      await fixture.connection.values(sql`${types} FROM read_parquet(${file}) LIMIT 1`),
    ).toEqual([["DECIMAL(38,4)", "JSON", "DATE"]]);
  });
});

describe("days", () => {
  test("have a file each, with midnight in the new one", async () => {
    const chunks = await write([
      tick(MAY_DAY - 1n),
      tick(MAY_DAY),
      tick(MAY_DAY + DAY_US - 1n),
      tick(MAY_DAY + DAY_US),
    ]);
    expect(chunks.map((one) => [one.partition, one.rows])).toEqual([
      ["2026-04-30", 1],
      ["2026-05-01", 2],
      ["2026-05-02", 1],
    ]);
  });

  test("are right before 1970 and at both ends of time", async () => {
    const chunks = await write([
      tick(-1n),
      tick(day("0001-01-01T00:00:00Z")),
      tick(day("9999-12-31T00:00:00Z") + DAY_US - 1n),
    ]);
    expect(chunks.map((one) => one.partition)).toEqual(["0001-01-01", "1969-12-31", "9999-12-31"]);
    expect(await fixture.read(TICKS, chunks)).toHaveLength(3);
  });

  test("share files where they are many and hold little, and nothing is lost", async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) =>
      tick(BigInt(n * 7) * DAY_US, `S${n % 3}`),
    );
    const chunks = await write(rows);
    expect(chunks.length).toBeLessThanOrEqual(8);
    expect(chunks.reduce((sum, one) => sum + one.rows, 0)).toBe(rows.length);
    expect(await fixture.read(TICKS, chunks)).toHaveLength(rows.length);
  });

  test("that fill many files are gathered first, and each still has its own rows", async () => {
    const rows = Array.from({ length: 80_000 }, (_, n) =>
      tick(MAY_DAY + BigInt((n * 7919) % 12) * DAY_US + BigInt(n), `S${n % 5}`),
    );
    const chunks = await write(rows);
    expect(chunks).toHaveLength(12);
    expect(new Set(chunks.map((one) => one.partition.length))).toEqual(new Set([10]));
    const expected = rows.map((row, n) => `${row.at} ${row.symbol} ${String(row.price)} ${n + 1}`);
    expect(await fixture.read(TICKS, chunks)).toEqual(expected);
  });

  test("without rows make no file", async () => {
    expect(await write([])).toEqual([]);
    expect(await listFiles(fixture.disk, fixture.directory)).toEqual([]);
  });
});

describe("keys", () => {
  test("are there once: the newest row wins, whatever its values", async () => {
    const rows = [tick(MAY_DAY, "A", 1), tick(MAY_DAY, "B", 2), tick(MAY_DAY, "A", null)];
    const chunks = await write(rows, KEYED);
    expect(await fixture.read(KEYED, chunks)).toEqual([`${MAY_DAY} B 2 2`, `${MAY_DAY} A  3`]);
    expect(chunks[0]).toMatchObject({ rows: 2, minSeq: 2, maxSeq: 3 });
  });

  test("without event time in them are reduced within a day only: readers do the rest", async () => {
    const rows = [tick(MAY_DAY, "A"), tick(MAY_DAY + 1n, "A"), tick(MAY_DAY + DAY_US, "A")];
    const chunks = await write(rows, LATEST);
    expect(chunks.map((one) => one.minSeq)).toEqual([2, 3]);
  });

  test("of rows taken back are kept, unless nothing older is left", async () => {
    const rows = [tick(MAY_DAY, "A"), tick(MAY_DAY, "A", 1, true), tick(MAY_DAY, "B", 2, true)];
    const marks = { hasTombstones: true } as const;
    const kept = await write([...rows, tick(MAY_DAY, "C")], KEYED, marks);
    expect(kept[0]?.rows).toBe(3);
    const dropped = { ...marks, dropDeleted: true } as const;
    const rest = await write([...rows, tick(MAY_DAY, "C")], KEYED, dropped);
    expect(rest[0]?.rows).toBe(1);
    expect(await write(rows, KEYED, dropped)).toEqual([]);
  });

  test("that may lie in any day keep their tombstones: an older day would bring the row back", async () => {
    const rows = [tick(MAY_DAY + DAY_US, "A", 1, true)];
    const chunks = await write(rows, LATEST, { hasTombstones: true, dropDeleted: true });
    expect(chunks[0]?.rows).toBe(1);
  });
});

describe("a failure", () => {
  const rows = [tick(MAY_DAY), tick(MAY_DAY + DAY_US)];

  test("leaves no files behind", async () => {
    // Per file: its directory, its own sync, its directory's sync.
    for (let step = 1; step <= 6; step++) {
      fixture.disk.injectError(step, "ENOSPC");
      await expect(write(rows)).rejects.toMatchObject({
        code: "KRB_STORAGE_DISK",
        message: expect.stringContaining("full"),
      });
      fixture.disk.disarm();
      expect(await listFiles(fixture.disk, fixture.directory)).toEqual([]);
    }
  });

  test("is what other rows than expected are", async () => {
    await expect(write(rows, TICKS, { expectedRows: 3 })).rejects.toMatchObject({
      code: "KRB_STORAGE_CHUNK",
    });
    expect(await listFiles(fixture.disk, fixture.directory)).toEqual([]);
  });

  test("is a row without event time", async () => {
    const source = {
      dataset: TICKS,
      rows: sql`(SELECT NULL::TIMESTAMP AS "at", 'A' AS symbol, 1.0 AS price, 1::BIGINT AS _seq)`,
      hasTombstones: false,
      dropDeleted: false,
    };
    await expect(writeChunks(fixture.target, source)).rejects.toMatchObject({
      code: "KRB_STORAGE_CHUNK",
    });
  });

  test("of a statement keeps its own code", async () => {
    const source = { dataset: TICKS, rows: sql`nowhere`, hasTombstones: false, dropDeleted: false };
    await expect(writeChunks(fixture.target, source)).rejects.toMatchObject({
      code: "KRB_DUCKDB_STATEMENT",
    });
  });
});
