/** Rows made in JavaScript go into a table without passing through SQL text. */
import bindings, { type Appender, type Connection, type LogicalType } from "@duckdb/node-bindings";
import { KurobeError } from "../core/errors.ts";

/**
 * What `rows()` gives for a column of the same type can be appended; `undefined` is the default.
 */
export type AppendValue = null | boolean | number | bigint | string | Uint8Array | undefined;

const { Type } = bindings;

type Append = (appender: Appender, value: Exclude<AppendValue, null | undefined>) => void;

/** The bindings wrap integers that do not fit, silently. */
function integer(bits: number, isSigned: boolean): (value: unknown) => bigint {
  const min = isSigned ? -(2n ** BigInt(bits - 1)) : 0n;
  const max = 2n ** BigInt(isSigned ? bits - 1 : bits) - 1n;
  return (value) => {
    if (typeof value === "bigint" || Number.isInteger(value)) {
      const whole = BigInt(value as bigint | number);
      if (whole >= min && whole <= max) return whole;
    }
    throw new KurobeError(
      "KRB_DUCKDB_CONVERSION",
      `${String(value)} is no ${isSigned ? "" : "unsigned "}${bits}-bit integer`,
    );
  };
}

const int8 = integer(8, true);
const int16 = integer(16, true);
const int32 = integer(32, true);
const int64 = integer(64, true);
const int128 = integer(128, true);
const uint8 = integer(8, false);
const uint16 = integer(16, false);
const uint32 = integer(32, false);
const uint64 = integer(64, false);

const APPEND = new Map<number, Append>([
  [Type.BOOLEAN, (to, value) => bindings.append_bool(to, value === true)],
  [Type.TINYINT, (to, value) => bindings.append_int8(to, Number(int8(value)))],
  [Type.SMALLINT, (to, value) => bindings.append_int16(to, Number(int16(value)))],
  [Type.INTEGER, (to, value) => bindings.append_int32(to, Number(int32(value)))],
  [Type.BIGINT, (to, value) => bindings.append_int64(to, int64(value))],
  [Type.UTINYINT, (to, value) => bindings.append_uint8(to, Number(uint8(value)))],
  [Type.USMALLINT, (to, value) => bindings.append_uint16(to, Number(uint16(value)))],
  [Type.UINTEGER, (to, value) => bindings.append_uint32(to, Number(uint32(value)))],
  [Type.UBIGINT, (to, value) => bindings.append_uint64(to, uint64(value))],
  [Type.HUGEINT, (to, value) => bindings.append_hugeint(to, int128(value))],
  [Type.FLOAT, (to, value) => bindings.append_float(to, Number(value))],
  [Type.DOUBLE, (to, value) => bindings.append_double(to, Number(value))],
  [Type.DATE, (to, value) => bindings.append_date(to, { days: Number(int32(value)) })],
  [Type.TIME, (to, value) => bindings.append_time(to, { micros: int64(value) })],
  [Type.TIMESTAMP, (to, value) => bindings.append_timestamp(to, { micros: int64(value) })],
  [Type.BLOB, (to, value) => bindings.append_blob(to, value as Uint8Array)],
]);

/** Text goes into every type through DuckDB's own cast: decimals, UUIDs, JSON, dates as text. */
const appendText: Append = (to, value) => bindings.append_varchar(to, String(value));

function appenderOf(type: LogicalType): Append {
  const append = APPEND.get(bindings.get_type_id(type));
  if (append === undefined) return appendText;
  return (to, value) => (typeof value === "string" ? appendText : append)(to, value);
}

/**
 * Appends rows whose values stand in the table's own column order. All of them or none: a value
 * that does not fit is thrown before the first row is flushed.
 */
export function appendRows(
  connection: Connection,
  table: readonly string[],
  rows: readonly (readonly AppendValue[])[],
): void {
  const name = table[table.length - 1] ?? "";
  const schema = table[table.length - 2] ?? null;
  const catalog = table[table.length - 3] ?? null;
  const appender = bindings.appender_create_ext(connection, catalog, schema, name);
  try {
    const columnCount = bindings.appender_column_count(appender);
    const columns = Array.from({ length: columnCount }, (_, index) =>
      appenderOf(bindings.appender_column_type(appender, index)),
    );
    for (const row of rows) appendRow(appender, columns, row, name);
  } catch (error) {
    bindings.appender_clear(appender);
    bindings.appender_close_sync(appender);
    throw error;
  }
  bindings.appender_close_sync(appender);
}

function appendRow(
  appender: Appender,
  columns: readonly Append[],
  row: readonly AppendValue[],
  table: string,
): void {
  if (row.length !== columns.length) {
    throw new KurobeError(
      "KRB_CORE_ASSERTION",
      `a row of ${row.length} values for the ${columns.length} columns of ${table}`,
    );
  }
  columns.forEach((append, index) => {
    const value = row[index];
    if (value === undefined) bindings.append_default(appender);
    else if (value === null) bindings.append_null(appender);
    else append(appender, value);
  });
  bindings.appender_end_row(appender);
}
