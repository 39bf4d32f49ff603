/** The only importer of DuckDB: an in-memory engine, closed to the outside, and its connections. */
import bindings, { type Database as Handle } from "@duckdb/node-bindings";
import { KurobeError } from "../core/errors.ts";
import { sql } from "../core/sql.ts";
import { Connection } from "./connection.ts";
import { duckdbError } from "./failure.ts";
import { filePattern } from "./file-pattern.ts";

export interface DatabaseOptions {
  /**
   * Of all connections together. DuckDB keeps to it for tables, sorts and joins, not for
   * everything.
   */
  readonly memoryLimitBytes: number;
  readonly threads: number;
  /** Where sorts and joins that outgrow the memory go. Null: they fail instead. */
  readonly temporaryDirectory: string | null;
  readonly maxTemporaryBytes: number;
  /** The only directories whose files statements may read and write. None: no file at all. */
  readonly allowedDirectories: readonly string[];
}

/** Closing it interrupts and closes every connection first. */
export interface Database extends AsyncDisposable {
  connect(): Promise<Connection>;
}

/**
 * Opens an in-memory DuckDB in UTC, with its configuration locked, extensions neither installed nor
 * loaded by themselves, and files outside of the allowed directories out of reach.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const config = bindings.create_config();
  for (const [name, value] of Object.entries(settings(options))) {
    bindings.set_config(config, name, value);
  }
  let handle: Handle;
  try {
    handle = await bindings.open(":memory:", config);
  } catch (error) {
    throw duckdbError(error);
  }
  const database = new OpenDatabase(handle, options.threads);
  try {
    await using connection = await database.connect();
    await connection.run(lockdown(options));
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

function settings(options: DatabaseOptions): Readonly<Record<string, string>> {
  return {
    memory_limit: `${Math.floor(options.memoryLimitBytes)}B`,
    threads: String(options.threads),
    // Commits that delete compress the row groups in memory: a tenth of ingest, for rows that are
    // soon in a chunk.
    force_compression: "uncompressed",
    preserve_insertion_order: "true",
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    allow_community_extensions: "false",
  };
}

/**
 * In this order: directories can only be named while access is open, and nothing after the lock.
 */
function lockdown(options: DatabaseOptions): ReturnType<typeof sql> {
  // Permission is asked for the text of a pattern first, and then for what it matches.
  const directories = options.allowedDirectories
    .flatMap((path) => [...new Set([path, filePattern(path)])])
    .map((path) => sql.literal(path));
  const temporary = options.temporaryDirectory ?? "";
  const steps = [
    sql`SET GLOBAL TimeZone = 'UTC'`,
    // A quarter off a point query over 120 files. Files are still checked for change before use.
    sql`SET GLOBAL parquet_metadata_cache = true`,
    sql`SET GLOBAL temp_directory = ${sql.literal(temporary)}`,
    options.temporaryDirectory === null
      ? sql.empty
      : sql`SET GLOBAL max_temp_directory_size = ${sql.literal(`${options.maxTemporaryBytes}B`)}`,
    sql`SET GLOBAL allowed_directories = [${sql.join(directories)}]`,
    sql`SET GLOBAL enable_external_access = false`,
    sql`SET GLOBAL lock_configuration = true`,
  ];
  return sql.join(
    steps.filter((step) => step.text !== ""),
    ";\n",
  );
}

class OpenDatabase implements Database {
  readonly #handle: Handle;
  readonly #threads: number;
  readonly #connections = new Set<Connection>();
  #isClosed = false;

  constructor(handle: Handle, threads: number) {
    this.#handle = handle;
    this.#threads = threads;
  }

  async connect(): Promise<Connection> {
    if (this.#isClosed) throw new KurobeError("KRB_CORE_CLOSED", "the database is closed");
    const connection = new Connection(await bindings.connect(this.#handle), {
      hasWorkers: this.#threads > 1,
      onClose: (closed) => this.#connections.delete(closed),
    });
    this.#connections.add(connection);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all(
      [...this.#connections].map((connection) => connection[Symbol.asyncDispose]()),
    );
    bindings.close_sync(this.#handle);
  }
}

export { Connection, type Prepared, type Statement } from "./connection.ts";
export { filePattern } from "./file-pattern.ts";
export { ColumnVector, type Column } from "./column.ts";
export { decimalReader, hugeReader, type NumberKind, numbersOf } from "./column-view.ts";
export { portableReader } from "./portable-column.ts";
export { type ColumnData, MAX_INLINE_TEXT_BYTES, type RowRange } from "./column-data.ts";
export { type ResultChunk } from "./result.ts";
export { type ResultStream } from "./stream.ts";
export { dateText, timestampText } from "./value.ts";
