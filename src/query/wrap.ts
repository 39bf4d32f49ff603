/** Statements of ours around a user's: only for text that was judged to be exactly one SELECT. */
import { sql, type Sql } from "../core/sql.ts";
import { type Column, type Statement } from "../duckdb/duckdb.ts";
import { uniqueNames } from "./format/format.ts";

export interface ParquetExport {
  readonly path: string;
  readonly columns: readonly Column[];
  /** One row more is written, so that too many can be told from just enough. */
  readonly maxRows: number;
}

/**
 * Lets DuckDB write the result to a Parquet file. Timestamps are instants in UTC, and the file says
 * so: without that, readers take them for local times, and our own door refuses them.
 */
export function exportStatement(
  statement: Statement,
  { path, columns, maxRows }: ParquetExport,
): Statement {
  const names = uniqueNames(columns);
  const values = columns.map(({ type }, index) => {
    const value = sql.id(`c${index}`);
    const instant = type === "TIMESTAMP" ? sql`CAST(${value} AS TIMESTAMPTZ)` : value;
    return sql`${instant} AS ${sql.id(names[index] ?? "")}`;
  });
  const aliases = sql.join(columns.map((_, index) => sql.id(`c${index}`)));
  const tail = sql`
    ) AS result(${aliases}) LIMIT ${sql.literal(maxRows + 1)})
    TO ${sql.literal(path)} (FORMAT parquet, COMPRESSION zstd)`;
  return wrapped(sql`COPY (SELECT ${sql.join(values)} FROM (`, statement, tail);
}

/** The columns of the result and none of its rows, which are not computed either. */
export function emptyStatement(statement: Statement): Statement {
  return wrapped(sql`FROM (`, statement, sql`) AS result LIMIT 0`);
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
