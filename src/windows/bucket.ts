/** Puts rows into their windows, in SQL: `_ws` and `_we` beside the row. */
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { daySql } from "../engine/table.ts";
import { windowBounds, windowIndex, windowStart } from "../plan/calendar.ts";
import { type GridPlan, type HoppingPlan, type WindowPlan } from "../plan/plan.ts";
import { gridOf } from "../plan/window-size.ts";

const DAY_US = 86_400_000_000n;

/** The boundary up to which all windows are over once event time has come to `timeUs`. */
export function closedBoundary(window: WindowPlan, timeUs: bigint): bigint {
  // Sessions end anywhere.
  if (window.kind === "session") return timeUs;
  return windowBounds(gridOf(window), window.timezone, timeUs).startUs;
}

/** The number of the pane that an instant lies in. */
export function paneIndex(window: HoppingPlan, timeUs: bigint): bigint {
  return windowIndex(window.every, window.timezone, timeUs);
}

export function paneStart(window: HoppingPlan, index: bigint): bigint {
  return windowStart(window.every, window.timezone, index);
}

/** The start of the first window that a row of this time can lie in. */
export function earliestStart(window: WindowPlan, timeUs: bigint): bigint {
  if (window.kind !== "hopping") return closedBoundary(window, timeUs);
  return paneStart(window, paneIndex(window, timeUs) - BigInt(window.panes) + 1n);
}

/**
 * SQL for `rows` (a table or sub-select with the event time `at` and the named columns) with `_ws`
 * and `_we` as timestamps. Calendar windows are looked up among the windows of the days that occur.
 * A row is there once for each hopping window that it lies in, with the number of the window's
 * first pane as `_w`.
 */
export async function bucketed(
  connection: Connection,
  window: GridPlan,
  rows: Sql,
  at: Sql,
  columns: readonly string[],
): Promise<Sql> {
  if (window.kind === "hopping") {
    const inPanes = await paned(connection, window, rows, at, columns);
    const steps = sql`unnest(range(_p - ${sql.literal(window.panes - 1)}, _p + 1))`;
    const names = sql.join(columns.map((name) => sql.id(name)));
    const exploded = sql`(SELECT ${names}, ${steps} AS _w FROM ${inPanes} AS p)`;
    return withBounds(connection, window, exploded, columns);
  }
  const names = sql.join(columns.map((name) => sql.id("r", name)));
  if (window.size.kind === "fixed") {
    const size = sql.literal(window.size.us);
    const start = sql`${floorIndex(sql`r.${at}`, window.size.us)} * ${size}`;
    return sql`(SELECT ${names}, make_timestamp(${start}) AS _ws,
      make_timestamp(${start} + ${size}) AS _we FROM ${rows} AS r)`;
  }
  const spans = (await calendarSpans(connection, window, rows, at)).map(
    ({ startUs, endUs }) => sql`(${timestamp(startUs)}, ${timestamp(endUs)})`,
  );
  return sql`(SELECT ${names}, w._ws, w._we FROM ${rows} AS r
    JOIN (VALUES ${sql.join(spans)}) AS w(_ws, _we) ON r.${at} >= w._ws AND r.${at} < w._we)`;
}

/** SQL for rows with the number of their pane as `_p`. */
export async function paned(
  connection: Connection,
  window: HoppingPlan,
  rows: Sql,
  at: Sql,
  columns: readonly string[],
): Promise<Sql> {
  const names = sql.join(columns.map((name) => sql.id("r", name)));
  if (window.every.kind === "fixed") {
    const index = floorIndex(sql`r.${at}`, window.every.us);
    return sql`(SELECT ${names}, ${index} AS _p FROM ${rows} AS r)`;
  }
  const spans = (await calendarSpans(connection, window, rows, at)).map(({ startUs, endUs }) => {
    const index = paneIndex(window, startUs);
    return sql`(${sql.literal(index)}::BIGINT, ${timestamp(startUs)}, ${timestamp(endUs)})`;
  });
  return sql`(SELECT ${names}, w._p FROM ${rows} AS r
    JOIN (VALUES ${sql.join(spans)}) AS w(_p, _ws, _we) ON r.${at} >= w._ws AND r.${at} < w._we)`;
}

/**
 * Adds `_ws` and `_we` to rows that have the number of a window's first pane as `_w`. `numbers` has
 * every `_w` that occurs, where that is cheaper to read than the rows.
 */
export async function withBounds(
  connection: Connection,
  window: HoppingPlan,
  rows: Sql,
  columns: readonly string[],
  numbers = rows,
): Promise<Sql> {
  const names = sql.join(columns.map((name) => sql.id("r", name)));
  if (window.every.kind === "fixed") {
    const every = sql.literal(window.every.us);
    const start = sql`r._w * ${every}`;
    return sql`(SELECT ${names}, r._w, make_timestamp(${start}) AS _ws,
      make_timestamp(${start} + ${sql.literal(window.every.us * window.panes)}) AS _we
      FROM ${rows} AS r)`;
  }
  const found = await connection.rows<{ w: bigint }>(
    sql`SELECT DISTINCT _w AS w FROM ${numbers} AS r`,
  );
  const panes = BigInt(window.panes);
  const bounds = found.map(({ w }) => {
    const [start, end] = [paneStart(window, w), paneStart(window, w + panes)];
    return sql`(${sql.literal(w)}::BIGINT, ${timestamp(start)}, ${timestamp(end)})`;
  });
  if (bounds.length === 0) bounds.push(sql`(0::BIGINT, ${timestamp(0n)}, ${timestamp(0n)})`);
  return sql`(SELECT ${names}, r._w, b._ws, b._we FROM ${rows} AS r
    JOIN (VALUES ${sql.join(bounds)}) AS b(_w, _ws, _we) ON r._w = b._w)`;
}

/** Twice modulo: SQL's remainder is negative before 1970. */
export function floorIndex(at: Sql, sizeUs: number): Sql {
  const size = sql.literal(sizeUs);
  const time = sql`epoch_us(${at})`;
  return sql`((${time} - ((${time} % ${size}) + ${size}) % ${size}) // ${size})`;
}

function timestamp(timeUs: bigint): Sql {
  return sql`make_timestamp(${sql.literal(timeUs)})`;
}

interface Span {
  readonly startUs: bigint;
  readonly endUs: bigint;
}

/**
 * Only days that occur are looked at: one row of the year 1 must not unroll 2,000 years of days.
 */
async function calendarSpans(
  connection: Connection,
  window: GridPlan,
  rows: Sql,
  at: Sql,
): Promise<readonly Span[]> {
  const days = await connection.rows<{ day: bigint }>(
    sql`SELECT DISTINCT ${daySql(at)} AS day FROM ${rows} AS r`,
  );
  const spans = new Map<bigint, bigint>();
  for (const { day } of days) {
    const dayEnd = (day + 1n) * DAY_US;
    for (let at = day * DAY_US; at < dayEnd;) {
      const bounds = windowBounds(gridOf(window), window.timezone, at);
      spans.set(bounds.startUs, bounds.endUs);
      at = bounds.endUs;
    }
  }
  if (spans.size === 0) spans.set(0n, 0n);
  return [...spans].map(([startUs, endUs]) => ({ startUs, endUs }));
}
