/**
 * Constants and types in DuckDB's words. Every constant carries its type, so nothing is guessed.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type ColumnType, type Constant } from "./plan.ts";

const TYPES: Readonly<Record<Exclude<ColumnType["kind"], "decimal">, string>> = {
  boolean: "BOOLEAN",
  int32: "INTEGER",
  int64: "BIGINT",
  float64: "DOUBLE",
  text: "VARCHAR",
  timestamp: "TIMESTAMP",
  date: "DATE",
  json: "JSON",
};

export function typeSql(type: ColumnType): Sql {
  if (type.kind !== "decimal") return sql.keyword(TYPES[type.kind]);
  return sql.keyword(`DECIMAL(${type.precision},${type.scale})`);
}

export function constantSql(value: Constant, type: ColumnType): Sql {
  if (value === null) return sql`CAST(NULL AS ${typeSql(type)})`;
  if (typeof value === "boolean") return value ? sql`TRUE` : sql`FALSE`;
  if (type.kind === "text") return textSql(String(value));
  // The plan writes timestamps with a Z; a TIMESTAMP has no zone.
  const text = type.kind === "timestamp" ? String(value).replace("Z", "") : String(value);
  return sql`CAST(${sql.literal(text)} AS ${typeSql(type)})`;
}

/** DuckDB's parser ends a literal at U+0000. */
function textSql(text: string): Sql {
  const parts = text.split("\0").map((part) => sql.literal(part));
  return parts.length === 1 ? sql.join(parts) : sql`(${sql.join(parts, " || chr(0) || ")})`;
}
