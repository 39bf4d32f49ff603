/** Cuts what waits for a replay into slices: oldest first, each with a bounded number of rows. */
import { sql, type Sql } from "../core/sql.ts";
import { lateRowsOf } from "../engine/stored-tables.ts";
import { type Sliced } from "./backfill-slices.ts";
import { IS_SET_ASIDE } from "./beside-sessions.ts";
import { earliestStart, floorIndex } from "./bucket.ts";
import { type Range } from "./publish.ts";

/** A range is looked at in so many pieces, or in windows where those are longer. */
const PIECES = 256n;

/** Where the next slice of `starts` ends. It has at least one window, whatever `limit` says. */
export async function sliceEnd(of: Sliced, starts: Range, limit: number): Promise<bigint> {
  const pieceUs = (starts.toUs - starts.fromUs) / PIECES + 1n;
  let rows = 0;
  for (const piece of await piecesOf(of, starts, pieceUs)) {
    rows += piece.rows;
    if (rows <= limit) continue;
    const isFirst = rows === piece.rows;
    const { startUs } = piece;
    if (!isFirst) return startUs > starts.fromUs ? startUs : starts.toUs;
    const endUs = startUs + pieceUs;
    // All windows that it can have begin at its start: it cannot be cut.
    if (earliestStart(of.window, endUs - 1n) <= startUs)
      return endUs < starts.toUs ? endUs : starts.toUs;
    const fromUs = startUs > starts.fromUs ? startUs : starts.fromUs;
    return await sliceEnd(of, { fromUs, toUs: endUs < starts.toUs ? endUs : starts.toUs }, limit);
  }
  return starts.toUs;
}

interface Piece {
  readonly startUs: bigint;
  readonly rows: number;
}

/** Where the rows are, oldest first. Of sessions it is what was set aside that brings work. */
async function piecesOf(
  { stored, dataset, window }: Sliced,
  { fromUs, toUs }: Range,
  pieceUs: bigint,
): Promise<readonly Piece[]> {
  const isSession = window.kind === "session";
  const at = isSession ? sql.id("_window_start") : sql.id(dataset.eventTime);
  const rows = isSession ? lateRowsOf(dataset.name) : dataset.name;
  const aside = sql`AND NOT _replayed AND _window = ${window.name} AND ${IS_SET_ASIDE}`;
  const start: Sql = sql`${floorIndex(at, Number(pieceUs))} * ${sql.literal(pieceUs)}`;
  const found = await stored.read<{ start: bigint; rows: bigint }>(
    sql`SELECT ${start} AS start, count(*) AS rows FROM ${sql.id("rows", rows)}
         WHERE ${at} >= make_timestamp(${sql.literal(fromUs)})
           AND ${at} < make_timestamp(${sql.literal(toUs)}) ${isSession ? aside : sql.empty}
         GROUP BY ALL ORDER BY start`,
  );
  return found.map((one) => ({ startUs: one.start, rows: Number(one.rows) }));
}
