/** The limit of exports: DuckDB's own COPY of the same rows to a file. */
import { DuckDBInstance } from "@duckdb/node-api";
import { serveParent } from "../child.ts";

export interface DuckdbCopy {
  readonly files: string;
  /** The options of COPY. */
  readonly how: string;
  readonly to: string;
}

/** Milliseconds. */
export type DuckdbCopied = number;

serveParent<DuckdbCopy, DuckdbCopied>(async ({ files, how, to }) => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const from = `read_parquet('${files.replaceAll("'", "''")}')`;
  await connection.run(`SELECT count(*), max(price), max(symbol) FROM ${from}`);
  return async () => {
    const startedMs = performance.now();
    await connection.run(`COPY (SELECT ts, symbol, price, qty FROM ${from}) TO '${to}' (${how})`);
    return performance.now() - startedMs;
  };
});
