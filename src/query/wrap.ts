/** Statements of ours around a user's: only for text that was judged to be exactly one SELECT. */
import { sql, type Sql } from "../core/sql.ts";
import { type Statement } from "../duckdb/duckdb.ts";

/**
 * Lets DuckDB write the result to a Parquet file. One row more than `maxRows` is written, so that
 * too many can be told from just enough.
 */
export function exportStatement(statement: Statement, path: string, maxRows: number): Statement {
  const tail = sql`
    ) AS result LIMIT ${sql.literal(maxRows + 1)})
    TO ${sql.literal(path)} (FORMAT parquet, COMPRESSION zstd)`;
  return wrapped(sql`COPY (FROM (`, statement, tail);
}

/** Computes every value of every row and keeps none of them: for the error that it ends with. */
export function computeStatement(statement: Statement): Statement {
  const head = sql`SELECT max(hash(_result_row)) FROM (`;
  return wrapped(head, statement, sql`) AS _result_row`);
}

/** Line breaks, because the text may end in a comment. */
function wrapped(head: Sql, statement: Statement, tail: Sql): Statement {
  return { text: `${head.text}\n${statement.text}\n${tail.text}`, values: statement.values };
}
