/** Casts in DuckDB. Its own are lenient with text (`1_000`, `0x1F`, `yes`), so ours look first. */
import { sql, type Sql } from "../core/sql.ts";
import { type ColumnType } from "./plan.ts";
import { typeSql } from "./print-constant.ts";
import { bind, type PrintedCall } from "./print-call.ts";

const INTEGER = "[+-]?[0-9]{1,60}";
const DECIMAL = "[+-]?[0-9]{1,60}([.][0-9]{1,60})?";
const FLOAT = "[+-]?[0-9]{1,400}([.][0-9]{1,400})?([eE][+-]?[0-9]{1,4})?";
const DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
const TIMESTAMP = `${DATE}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?Z`;

export function printCast({ node, a }: PrintedCall): Sql {
  const from = node.arguments[0]?.type.kind;
  if (from === "text") return fromText(a, node.type);
  switch (node.type.kind) {
    case "int32":
    case "int64":
      // DuckDB rounds floats half to even and decimals half away from zero.
      return tryCast(from === "float64" ? sql`round(${a})` : a, node.type);
    case "text":
      if (from === "timestamp") return sql`strftime(${a}, '%Y-%m-%dT%H:%M:%S.%fZ')`;
      if (from === "date") return sql`strftime(${a}, '%Y-%m-%d')`;
      return sql`CAST(${a} AS VARCHAR)`;
    default:
      return tryCast(a, node.type);
  }
}

function tryCast(value: Sql, type: ColumnType): Sql {
  return sql`TRY_CAST(${value} AS ${typeSql(type)})`;
}

function fromText(text: Sql, type: ColumnType): Sql {
  switch (type.kind) {
    case "boolean":
      return sql`CASE ${text} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END`;
    case "int32":
    case "int64":
      return checked(text, INTEGER, (v) => tryCast(v, type));
    case "float64":
      return checked(text, FLOAT, (v) => tryCast(v, type));
    case "decimal":
      return checked(text, DECIMAL, (v) => tryCast(v, type));
    case "date":
      return checked(text, DATE, (v) => tryCast(v, type));
    case "timestamp":
      return checked(text, TIMESTAMP, (v) => tryCast(sql`left(${v}, -1)`, type));
    case "text":
    case "json":
      return text;
  }
}

/** The year 0 and hour 24 pass these patterns and DuckDB, but they are no times here. */
function checked(text: Sql, pattern: string, cast: (v: Sql) => Sql): Sql {
  return bind(text, (v) => {
    const isTime = pattern.startsWith(DATE);
    const outside = isTime ? sql` AND NOT regexp_matches(${v}, '^0000|[T ]24')` : sql.empty;
    const isLike = sql`regexp_full_match(${v}, ${sql.literal(pattern)})`;
    return sql`CASE WHEN ${isLike}${outside} THEN ${cast(v)} END`;
  });
}
