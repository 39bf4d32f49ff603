/** Chunks, manifests and a small DuckDB for the tests of storage. */
import { join } from "node:path";
import { type Sql, sql } from "../../src/core/sql.ts";
import { type Connection, type Database, openDatabase } from "../../src/duckdb/duckdb.ts";
import { type ColumnPlan, type DatasetPlan } from "../../src/plan/plan.ts";
import { columnTypeToDuckdb } from "../../src/plan/print-duckdb.ts";
import { chunkRelation } from "../../src/storage/chunk-reader.ts";
import { type ChunkSource, type ChunkTarget } from "../../src/storage/chunk-writer.ts";
import { sha256Of } from "../../src/storage/file-hash.ts";
import {
  type ChunkRecord,
  type FileRecord,
  type Manifest,
  replaceFile,
} from "../../src/storage/manifest.ts";
import { SimDisk } from "../simulation/sim-disk.ts";
import { columnPlan, datasetPlan, planOf } from "./plans.ts";

export const HOUR_US = 3_600_000_000n;
export const DAY_US = 24n * HOUR_US;

export const TICK_COLUMNS: readonly ColumnPlan[] = [
  columnPlan("at", "timestamp"),
  columnPlan("symbol", "text"),
  columnPlan("price", "float64", { nullable: true }),
];

export const TICKS: DatasetPlan = datasetPlan("ticks", TICK_COLUMNS);
export const KEYED: DatasetPlan = datasetPlan("ticks", TICK_COLUMNS, { key: ["symbol", "at"] });
/** The key has no event time: its rows may repeat it in any day. */
export const LATEST: DatasetPlan = datasetPlan("ticks", TICK_COLUMNS, { key: ["symbol"] });

/** Event time in microseconds, symbol, price, and whether the row takes its key back. */
export interface TickRow {
  readonly at: bigint;
  readonly symbol: string;
  readonly price: number | null;
  readonly deleted?: boolean;
}

/** A data directory on a simulated disk, and a DuckDB that may write below it. */
export class StorageFixture implements AsyncDisposable {
  readonly disk: SimDisk;
  readonly database: Database;
  readonly connection: Connection;
  #nextId = 1;
  #nextSeq = 1n;
  #tables = 0;

  private constructor(disk: SimDisk, database: Database, connection: Connection) {
    this.disk = disk;
    this.database = database;
    this.connection = connection;
  }

  static async open(): Promise<StorageFixture> {
    const disk = new SimDisk();
    const database = await openDatabase({
      memoryLimitBytes: 512 * 1024 * 1024,
      threads: 1,
      temporaryDirectory: null,
      maxTemporaryBytes: 0,
      allowedDirectories: [disk.root],
    });
    return new StorageFixture(disk, database, await database.connect());
  }

  get directory(): string {
    return this.disk.root;
  }

  get target(): ChunkTarget {
    const { connection, disk, directory } = this;
    return { connection, disk, directory, nextId: () => this.#nextId++ };
  }

  /** A memory table as the engine has it: the dataset's columns, `_deleted`, `_seq`. */
  async tableOf(rows: readonly TickRow[]): Promise<Sql> {
    this.#tables++;
    const table = sql.id(`t${this.#tables}`);
    await this.connection.run(sql`CREATE TABLE ${table}
      (at_us BIGINT, symbol VARCHAR, price DOUBLE, _deleted BOOLEAN, _seq BIGINT)`);
    this.connection.append(
      [`t${this.#tables}`],
      rows.map((row) => [row.at, row.symbol, row.price, row.deleted === true, this.#nextSeq++]),
    );
    return sql`(SELECT make_timestamp(at_us) AS "at", symbol, price, _deleted, _seq FROM ${table})`;
  }

  async source(
    rows: readonly TickRow[],
    dataset: DatasetPlan,
    rest: Partial<ChunkSource> = {},
  ): Promise<ChunkSource> {
    const table = await this.tableOf(rows);
    return { dataset, rows: table, hasTombstones: false, dropDeleted: false, ...rest };
  }

  /** What the chunks hold, as `at symbol price seq` with the event time in microseconds. */
  async read(
    dataset: DatasetPlan,
    chunks: readonly ChunkRecord[],
    order: Sql = sql`_seq`,
  ): Promise<readonly string[]> {
    const rows = chunkRelation(dataset, ["_seq"], chunks, this.directory, {});
    if (rows === null) return [];
    const found = await this.connection.values(
      sql`SELECT epoch_us("at"), symbol, price, _seq FROM ${rows} AS r ORDER BY ${order}`,
    );
    return found.map(rowText);
  }

  async writeState(number: number, text = `{"n":${number}}`): Promise<FileRecord> {
    const path = `state/${String(number).padStart(10, "0")}.json`;
    const bytes = Buffer.from(text);
    await this.disk.makeDirectory(join(this.directory, "state"));
    await replaceFile(this.disk, join(this.directory, path), bytes);
    await this.disk.syncDirectory(join(this.directory, "state"));
    return { path, bytes: bytes.length, sha256: sha256Of(bytes) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database[Symbol.asyncDispose]();
    await this.disk[Symbol.asyncDispose]();
  }
}

/** Values of numbers, texts and nulls, as one text. */
export function rowText(values: readonly unknown[]): string {
  return (values as readonly (string | number | bigint | null)[])
    .map((value) => (value === null ? "" : `${value}`))
    .join(" ");
}

export function manifestOf(
  number: number,
  state: FileRecord,
  chunks: readonly ChunkRecord[] = [],
): Manifest {
  return {
    format: 1,
    number,
    createdAtUs: "1767225600000000",
    reason: "test",
    plan: planOf([TICKS]),
    logId: "0123456789abcdef0123456789abcdef",
    position: number * 10,
    chunks,
    state,
    nextChunkId: chunks.reduce((id, chunk) => Math.max(id, chunk.id + 1), 1),
  };
}

/** A record of a file that need not exist. */
export function chunkRecord(id: number, rest: Partial<ChunkRecord> = {}): ChunkRecord {
  const { dataset = "ticks", partition = "2026-01-01" } = rest;
  return {
    id,
    dataset,
    partition,
    path: `chunks/${dataset}/${partition}/${String(id).padStart(10, "0")}.parquet`,
    rows: 10,
    bytes: 1000,
    minEventTimeUs: "1767225600000000",
    maxEventTimeUs: "1767225600000000",
    minSeq: 1,
    maxSeq: 10,
    sha256: "0".repeat(64),
    columns: TICK_COLUMNS.map(({ name, type }) => ({ name, type: columnTypeToDuckdb(type) })),
    tier: "hot",
    ...rest,
  };
}
