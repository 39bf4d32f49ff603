/** Parquet: the statement that lets DuckDB write the result to a file of ours. */
import { sql } from "../../core/sql.ts";
import { type Statement } from "../../duckdb/duckdb.ts";

/**
 * The text must have been judged to be exactly one SELECT: only then do the brackets hold it. One row
 * more than `maxRows` is written, so that too many can be told from just enough.
 */
export function exportStatement(statement: Statement, path: string, maxRows: number): Statement {
  const head = sql`COPY (FROM (
`;
  const tail = sql`
) AS result LIMIT ${sql.literal(maxRows + 1)}) TO ${sql.literal(path)} (FORMAT parquet, COMPRESSION zstd)`;
  return { text: `${head.text}${statement.text}${tail.text}`, values: statement.values };
}
