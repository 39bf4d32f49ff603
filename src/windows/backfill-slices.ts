/**
 * Cuts a backfill into slices: starts of windows, newest first, side by side without a gap, each
 * with a bounded number of rows to read.
 */
import { sql, type Sql } from "../core/sql.ts";
import { lateRowsOf } from "../engine/stored-tables.ts";
import { windowBounds } from "../plan/calendar.ts";
import { type DatasetPlan, type WindowPlan } from "../plan/plan.ts";
import { gridOf } from "../plan/window-size.ts";
import { earliestStart, floorIndex } from "./bucket.ts";
import { type Range } from "./publish.ts";
import { type StoredRows } from "./stored-rows.ts";

export interface Sliced {
  readonly stored: StoredRows;
  readonly window: WindowPlan;
  readonly dataset: DatasetPlan;
}

export interface Slice {
  /** It ends where the slice before it began. */
  readonly fromUs: bigint;
  readonly rows: number;
}

/** How long one slice holds the writer. */
const ROWS_A_SLICE = 200_000;
/** A range is looked at in so many pieces, or in windows where those are longer. */
const PIECES = 4096n;

/** A row of a hopping window costs as much as it has windows. */
export function rowsASlice(window: WindowPlan): number {
  const overlap = window.kind === "hopping" ? window.panes : 1;
  return Math.max(1000, Math.floor(ROWS_A_SLICE / overlap));
}

/** Where the first window can start that has a row, a result or a late row; null: none has. */
export async function firstStart({ stored, window, dataset }: Sliced): Promise<bigint | null> {
  // Rows may have been replaced since: late ones then lie in windows that have nothing else.
  const late = sql`SELECT epoch_us(min(_window_start)) FROM rows.${sql.id(lateRowsOf(dataset.name))}
    WHERE NOT _replayed AND _window = ${window.name}`;
  const [found] = await stored.read<Record<"row" | "start", bigint | null>>(
    sql`SELECT (SELECT epoch_us(min(${sql.id(dataset.eventTime)})) FROM ${rowsOf(dataset)}) AS row,
               least((SELECT epoch_us(min(window_start)) FROM ${sql.id(window.name)}),
                     (${late})) AS start`,
  );
  const { row = null, start = null } = found ?? {};
  const ofRows = row === null ? null : earliestStart(window, row);
  if (ofRows === null || start === null) return ofRows ?? start;
  return start < ofRows ? start : ofRows;
}

export interface Counted {
  readonly rows: number;
  /** Of their event times; null without rows. */
  readonly extent: Range | null;
}

/** The rows whose event time lies in the range. */
export async function countRows({ stored, dataset }: Sliced, range: Range): Promise<Counted> {
  const time = sql`epoch_us(${sql.id(dataset.eventTime)})`;
  const [found] = await stored.read<{ rows: bigint; first: bigint | null; last: bigint | null }>(
    sql`SELECT count(*) AS rows, min(${time}) AS first, max(${time}) AS last
          FROM ${rowsOf(dataset)} WHERE ${inRange(dataset, range)}`,
  );
  const { rows = 0n, first = null, last = null } = found ?? {};
  const extent = first === null || last === null ? null : { fromUs: first, toUs: last + 1n };
  return { rows: Number(rows), extent };
}

/**
 * All of the windows that start from `fromUs` on, of which the rows are counted. A slice has at
 * least one window, and with it perhaps many more rows than `limit`.
 */
export async function* slicesOf(
  of: Sliced,
  fromUs: bigint,
  { extent }: Counted,
  limit: number,
): AsyncGenerator<Slice> {
  let rows = 0;
  if (extent !== null) {
    for await (const piece of piecesOf(of, extent, limit)) {
      rows += piece.rows;
      if (rows < limit || piece.startUs <= fromUs) continue;
      yield { fromUs: piece.startUs, rows };
      rows = 0;
    }
  }
  yield { fromUs, rows };
}

interface Piece {
  readonly startUs: bigint;
  readonly rows: number;
}

/** Where the rows are, newest first. A piece with more rows than `limit` is looked at closer. */
async function* piecesOf(of: Sliced, range: Range, limit: number): AsyncGenerator<Piece> {
  const { stored, dataset } = of;
  const windowUs = lengthOf(of.window);
  // A multiple of the windows' length, where that is fixed: what a border cuts is read twice.
  const pieceUs = ((range.toUs - range.fromUs) / PIECES / windowUs + 1n) * windowUs;
  const index = floorIndex(sql.id(dataset.eventTime), Number(pieceUs));
  const found = await stored.read<{ start: bigint; rows: bigint }>(
    sql`SELECT ${index} * ${sql.literal(pieceUs)} AS start, count(*) AS rows
          FROM ${rowsOf(dataset)} WHERE ${inRange(dataset, range)}
         GROUP BY ALL ORDER BY start DESC`,
  );
  for (const { start, rows } of found) {
    const endUs = start + pieceUs;
    if (Number(rows) <= limit || pieceUs <= windowUs) {
      yield { startUs: start, rows: Number(rows) };
      continue;
    }
    const fromUs = start > range.fromUs ? start : range.fromUs;
    yield* piecesOf(of, { fromUs, toUs: endUs < range.toUs ? endUs : range.toUs }, limit);
  }
}

function lengthOf(window: WindowPlan): bigint {
  if (window.kind === "session") return BigInt(window.gapUs);
  const { startUs, endUs } = windowBounds(gridOf(window), window.timezone, 0n);
  return (endUs - startUs) * (window.kind === "hopping" ? BigInt(window.panes) : 1n);
}

function rowsOf(dataset: DatasetPlan): Sql {
  return sql.id("rows", dataset.name);
}

function inRange(dataset: DatasetPlan, { fromUs, toUs }: Range): Sql {
  const at = sql.id(dataset.eventTime);
  return sql`${at} >= make_timestamp(${sql.literal(fromUs)})
         AND ${at} < make_timestamp(${sql.literal(toUs)})`;
}
