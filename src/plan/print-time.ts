/** Operators on time in DuckDB. Zones cost a microsecond or two a row: there ICU does the work. */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type TypedNode } from "./operands.ts";
import { bind, type PrintedCall } from "./print-call.ts";

/** Years 1 to 9999, as for every timestamp that comes in. */
const MIN_TIME = sql`-62135596800000000`;
const MAX_TIME = sql`253402300799999999`;

export function printTruncate({ node, a }: PrintedCall): Sql {
  const unit = textOf(node.arguments[1]);
  const zone = textOf(node.arguments[2]);
  if (node.type.kind === "date") return sql`CAST(date_trunc(${sql.literal(unit)}, ${a}) AS DATE)`;
  if (zone === "UTC") return sql`date_trunc(${sql.literal(unit)}, ${a})`;
  const isClock = unit === "second" || unit === "minute" || unit === "hour";
  return bind(a, (v) => (isClock ? clockStart(v, unit, zone) : dateStart(v, unit, zone)));
}

/** What the clock of the zone shows at an instant. */
function local(instant: Sql, zone: string): Sql {
  return sql`timezone(${sql.literal(zone)}, CAST(${instant} AS TIMESTAMPTZ))`;
}

/** Back by what the clock is past the full hour: right in both of two equal hours. */
function clockStart(instant: Sql, unit: string, zone: string): Sql {
  const past = sql`${local(instant, zone)} - date_trunc(${sql.literal(unit)}, ${local(instant, zone)})`;
  return sql`(${instant} - (${past}))`;
}

/**
 * The first instant at which the clock shows the start of the day, week, …. ICU gives the second of
 * two; so the same wall clock time is tried with the offset from three hours earlier.
 */
function dateStart(instant: Sql, unit: string, zone: string): Sql {
  const wall = sql`date_trunc(${sql.literal(unit)}, ${local(instant, zone)})`;
  const name = sql.literal(zone);
  return lambda(wall, sql`_wall`, (start) =>
    lambda(sql`CAST(timezone(${name}, ${start}) AS TIMESTAMP)`, sql`_last`, (last) => {
      const earlier = sql`(${last} - INTERVAL 3 HOURS)`;
      const first = sql`(${start} - (${local(earlier, zone)} - ${earlier}))`;
      return lambda(
        first,
        sql`_first`,
        (v) => sql`CASE WHEN ${local(v, zone)} = ${start} THEN ${v} ELSE ${last} END`,
      );
    }),
  );
}

function lambda(value: Sql, name: Sql, body: (v: Sql) => Sql): Sql {
  return sql`list_transform([${value}], lambda ${name}: ${body(name)})[1]`;
}

const PARTS: Readonly<Record<string, Sql>> = {
  year: sql`year`,
  quarter: sql`quarter`,
  month: sql`month`,
  week: sql`week`,
  day: sql`day`,
  dayOfWeek: sql`isodow`,
  dayOfYear: sql`doy`,
  hour: sql`hour`,
  minute: sql`minute`,
  second: sql`second`,
};

export function printExtract({ node, a }: PrintedCall): Sql {
  const part = textOf(node.arguments[1]);
  const zone = textOf(node.arguments[2]);
  const time = zone === "UTC" ? a : local(a, zone);
  const name = PARTS[part];
  if (name !== undefined) return sql`extract(${name} FROM ${time})`;
  assert(part === "microsecond", `no such part of a time: ${part}`);
  // DuckDB counts the microseconds of the whole minute.
  return sql`(extract(microsecond FROM ${time}) % 1000000)`;
}

export function printAddDuration({ a, b }: PrintedCall): Sql {
  return bind(
    sql`(epoch_us(${a}) + ${b})`,
    (us) => sql`CASE WHEN ${us} BETWEEN ${MIN_TIME} AND ${MAX_TIME} THEN make_timestamp(${us}) END`,
  );
}

function textOf(node: TypedNode | undefined): string {
  assert(node?.kind === "constant" && typeof node.value === "string", "a unit, part or zone");
  return node.value;
}
