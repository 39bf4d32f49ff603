import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { sql } from "../core/sql.ts";
import { type Connection, openDatabase } from "../duckdb/duckdb.ts";
import { type Batch, DEFAULT_DECODE_LIMITS } from "./batch.ts";
import { openDecoder } from "./decoder.ts";

const ROWS = 10_000;

const notes = datasetPlan("notes", [
  columnPlan("at", "timestamp"),
  columnPlan("note", "text", { nullable: true }),
]);

/** Texts from 1 to 200 bytes, every seventh missing. */
async function notesOf(connection: Connection, path: string, mark: string): Promise<Batch> {
  await connection.run(
    sql`COPY (SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' AS "at",
              CASE WHEN range % 7 <> 0
                THEN repeat(${sql.literal(mark)}, CAST(range % 99 AS INTEGER)) || range END AS note
            FROM range(${sql.literal(ROWS)})) TO ${sql.literal(path)} (FORMAT parquet)`,
  );
  const header = {
    kind: "batch",
    dataset: notes.name,
    format: "parquet",
    onInvalid: "reject",
    receivedAtUs: BigInt(Date.UTC(2026, 0, 2)) * 1000n,
    producer: "",
    idempotencyKey: "",
  } as const;
  return { position: 1, header, body: await readFile(path) };
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

test("long texts stay, whatever is read and forgotten before they are stored", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kurobe-parquet-"));
  try {
    await using database = await openDatabase({
      memoryLimitBytes: 512 * 1024 * 1024,
      threads: 2,
      temporaryDirectory: null,
      maxTemporaryBytes: 0,
      allowedDirectories: [directory],
    });
    await using connection = await database.connect();
    const stagingDirectory = join(directory, "staging");
    const limits = DEFAULT_DECODE_LIMITS;
    await using decoder = await openDecoder({ database, disk: nodeDisk, stagingDirectory, limits });
    const path = join(directory, "notes.parquet");
    await using staged = await decoder.stage(notes, [await notesOf(connection, path, "é")]);
    for (const mark of ["x", "y", "z"]) {
      await using other = await decoder.stage(notes, [await notesOf(connection, path, mark)]);
      expect(other.rows).toBe(ROWS);
    }
    collectGarbage();
    expect(staged.content.kind).toBe("columns");
    if (staged.content.kind !== "columns") return;
    await connection.run(sql`CREATE TABLE stored ("at" TIMESTAMP, note TEXT)`);
    const { columns } = staged.content.columns;
    connection.appendColumns(["stored"], columns, [{ start: 0, end: ROWS }]);
    const rows = await connection.values(sql`SELECT note FROM stored ORDER BY rowid`);
    const expected = Array.from({ length: ROWS }, (_, n) =>
      n % 7 === 0 ? null : `${"é".repeat(n % 99)}${n}`,
    );
    expect(rows.map(([note]) => note)).toEqual(expected);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
