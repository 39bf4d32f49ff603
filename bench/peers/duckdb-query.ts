/** The limit of queries: bare DuckDB on the very same Parquet files, in a process of its own. */
import { DuckDBInstance } from "@duckdb/node-api";
import { serveParent } from "../child.ts";

export interface DuckdbQuery {
  /** A glob of Parquet files that becomes the view `ticks`. */
  readonly files: string;
  readonly statements: readonly string[];
}

/** Milliseconds of each statement, its rows read as JavaScript values. */
export type DuckdbQueried = readonly number[];

serveParent<DuckdbQuery, DuckdbQueried>(async ({ files, statements }) => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run("SET parquet_metadata_cache = true");
  await connection.run(
    `CREATE VIEW ticks AS SELECT ts, symbol, price, qty FROM read_parquet('${files.replaceAll("'", "''")}')`,
  );
  // Once before the clock starts: footers and pages are in memory then, as they are on the other
  // side.
  for (const statement of new Set(statements)) await connection.runAndReadAll(statement);
  return async () => {
    const elapsedMs: number[] = [];
    for (const statement of statements) {
      const startedMs = performance.now();
      const answer = await connection.runAndReadAll(statement);
      answer.getRowObjectsJson();
      elapsedMs.push(performance.now() - startedMs);
    }
    return elapsedMs;
  };
});
