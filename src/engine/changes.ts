/** Reads a stored table as the stream of rows that it is: what was written after a given row. */
import { isKurobeError } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type ColumnPlan } from "../plan/plan.ts";
import { type Table } from "./table.ts";

/** A value as answers carry it: times as ISO 8601 text in UTC, decimals and large integers text. */
export type JsonCell = string | number | boolean | null;

/** One row as it was written. */
export interface Change {
  /** Grows by at least one from row to row. */
  readonly seq: number;
  /** True where the row says that the earlier row of its key is taken back. */
  readonly isDeleted: boolean;
  readonly row: Readonly<Record<string, JsonCell>>;
}

/** A checkpoint may drop a memory table between the printing of a statement and its run. */
const TRIES = 5;

/** The first `limit` rows after `afterSeq`. Rows that a checkpoint moves meanwhile are all read. */
export async function readChanges(
  connection: Connection,
  table: Table,
  { afterSeq, limit }: { readonly afterSeq: number; readonly limit: number },
): Promise<readonly Change[]> {
  const columns = table.stored.plan.columns;
  const deleted = table.stored.hasTombstones ? sql`_deleted` : sql`FALSE AS _deleted`;
  for (let tries = 1; ; tries++) {
    try {
      const rows = await connection.rows<Record<string, unknown>>(
        sql`SELECT ${sql.join(columns.map(shown))}, ${deleted}, _seq
              FROM ${table.written({ afterSeq })} AS w ORDER BY _seq LIMIT ${sql.literal(limit)}`,
      );
      return withoutTwins(rows.map(changeOf));
    } catch (error) {
      if (tries === TRIES || !isKurobeError(error)) throw error;
    }
  }
}

/** Times leave DuckDB as the text that every answer has; other types are told by their value. */
function shown({ name, type }: ColumnPlan): Sql {
  const id = sql.id(name);
  if (type.kind === "timestamp") return sql`strftime(${id}, '%Y-%m-%dT%H:%M:%S.%fZ') AS ${id}`;
  if (type.kind === "date") return sql`CAST(${id} AS VARCHAR) AS ${id}`;
  return id;
}

function changeOf({ _seq, _deleted, ...row }: Readonly<Record<string, unknown>>): Change {
  const cells = Object.entries(row).map(([name, value]) => [name, cellOf(value)] as const);
  return { seq: Number(_seq), isDeleted: _deleted === true, row: Object.fromEntries(cells) };
}

function cellOf(value: unknown): JsonCell {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  // JSON has no word for these; a null would look like a missing value.
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value as JsonCell;
}

/** After a failed checkpoint a row may lie in two memory tables for a moment. */
function withoutTwins(changes: readonly Change[]): readonly Change[] {
  return changes.filter((change, index) => change.seq !== changes[index - 1]?.seq);
}
