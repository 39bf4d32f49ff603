/** The limit of ingest: DuckDB's own readers into an in-memory table, nothing durable, no HTTP. */
import { DuckDBInstance } from "@duckdb/node-api";
import { serveParent } from "../child.ts";
import { type TickFormat } from "../ticks.ts";

export interface DuckdbIngest {
  readonly format: TickFormat;
  readonly files: readonly string[];
}

export interface DuckdbIngested {
  readonly elapsedMs: number;
  readonly rows: number;
}

const COLUMNS = "{ts: 'TIMESTAMP', symbol: 'VARCHAR', price: 'DOUBLE', qty: 'BIGINT'}";

serveParent<DuckdbIngest, DuckdbIngested>(async ({ format, files }) => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(
    "CREATE TABLE ticks (ts TIMESTAMP, symbol VARCHAR, price DOUBLE, qty BIGINT)",
  );
  // Reading each file once brings it into the page cache, as the sender has its bodies in memory.
  for (const file of files)
    await connection.run(`SELECT count(*) FROM read_blob('${quoted(file)}')`);
  return async () => {
    const startedMs = performance.now();
    for (const file of files) {
      await connection.run(
        `INSERT INTO ticks SELECT ts, symbol, price, qty FROM ${reader(format, file)}`,
      );
    }
    const elapsedMs = performance.now() - startedMs;
    const counted = await connection.runAndReadAll("SELECT count(*)::INTEGER FROM ticks");
    return { elapsedMs, rows: Number(counted.getRows()[0]?.[0]) };
  };
});

function reader(format: TickFormat, file: string): string {
  const path = quoted(file);
  if (format === "ndjson") {
    return `read_json('${path}', format = 'newline_delimited', columns = ${COLUMNS})`;
  }
  if (format === "csv") {
    return `read_csv('${path}', header = true, auto_detect = false, columns = ${COLUMNS})`;
  }
  return `read_parquet('${path}')`;
}

function quoted(path: string): string {
  return path.replaceAll("'", "''");
}
