/** Puts JavaScript values where a prepared statement has its `$1, $2, …`. */
import bindings, { type PreparedStatement } from "@duckdb/node-bindings";
import { type SqlValue } from "../core/sql.ts";

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Whole numbers bind as INTEGER or BIGINT, others as DOUBLE; bigints as BIGINT, or HUGEINT where
 * they need it. Text binds as VARCHAR, which DuckDB casts to what it is compared with.
 */
export function bindValue(statement: PreparedStatement, index: number, value: SqlValue): void {
  if (value === null) bindings.bind_null(statement, index);
  else if (typeof value === "string") bindings.bind_varchar(statement, index, value);
  else if (typeof value === "boolean") bindings.bind_boolean(statement, index, value);
  else if (typeof value === "bigint") bindBigint(statement, index, value);
  else bindNumber(statement, index, value);
}

function bindBigint(statement: PreparedStatement, index: number, value: bigint): void {
  if (value >= INT64_MIN && value <= INT64_MAX) bindings.bind_int64(statement, index, value);
  else bindings.bind_hugeint(statement, index, value);
}

function bindNumber(statement: PreparedStatement, index: number, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    bindings.bind_double(statement, index, value);
  } else if (value === (value | 0)) bindings.bind_int32(statement, index, value);
  else bindings.bind_int64(statement, index, BigInt(value));
}
