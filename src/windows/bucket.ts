/** Puts rows into their windows, in SQL: `_ws` and `_we` beside the row. */
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { daySql } from "../engine/table.ts";
import { windowBounds } from "../plan/calendar.ts";
import { type WindowPlan } from "../plan/plan.ts";

const DAY_US = 86_400_000_000n;

/** The boundary up to which all windows are over once event time has come to `timeUs`. */
export function closedBoundary(window: WindowPlan, timeUs: bigint): bigint {
  return windowBounds(window.size, window.timezone, timeUs).startUs;
}

/**
 * SQL for `rows` (a table or sub-select with the event time `at` and the named columns) with `_ws`
 * and `_we` as timestamps. Calendar windows are looked up among the windows of the days that occur.
 */
export async function bucketed(
  connection: Connection,
  window: WindowPlan,
  rows: Sql,
  at: Sql,
  columns: readonly string[],
): Promise<Sql> {
  const names = sql.join(columns.map((name) => sql.id("r", name)));
  if (window.size.kind === "fixed") {
    const size = sql.literal(window.size.us);
    const time = sql`epoch_us(r.${at})`;
    // Twice modulo: SQL's remainder is negative before 1970.
    const start = sql`${time} - ((${time} % ${size}) + ${size}) % ${size}`;
    return sql`(SELECT ${names}, make_timestamp(${start}) AS _ws,
      make_timestamp(${start} + ${size}) AS _we FROM ${rows} AS r)`;
  }
  const spans = await calendarSpans(connection, window, rows, at);
  return sql`(SELECT ${names}, w._ws, w._we FROM ${rows} AS r
    JOIN (VALUES ${sql.join(spans)}) AS w(_ws, _we) ON r.${at} >= w._ws AND r.${at} < w._we)`;
}

/**
 * Only days that occur are looked at: one row of the year 1 must not unroll 2,000 years of days.
 */
async function calendarSpans(
  connection: Connection,
  window: WindowPlan,
  rows: Sql,
  at: Sql,
): Promise<readonly Sql[]> {
  const days = await connection.rows<{ day: bigint }>(
    sql`SELECT DISTINCT ${daySql(at)} AS day FROM ${rows} AS r`,
  );
  const spans = new Map<bigint, bigint>();
  for (const { day } of days) {
    const dayEnd = (day + 1n) * DAY_US;
    for (let at = day * DAY_US; at < dayEnd;) {
      const bounds = windowBounds(window.size, window.timezone, at);
      spans.set(bounds.startUs, bounds.endUs);
      at = bounds.endUs;
    }
  }
  if (spans.size === 0) spans.set(0n, 0n);
  return [...spans].map(
    ([start, end]) =>
      sql`(make_timestamp(${sql.literal(start)}), make_timestamp(${sql.literal(end)}))`,
  );
}
