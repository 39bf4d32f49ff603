/**
 * Early results: what open windows come to so far, at most once a throttle. They are decided upon
 * at ticks alone, so how rows were grouped does not show in them. Their revision is 0, and the
 * final result takes their place.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type Transaction } from "../engine/transaction.ts";
import { windowBounds } from "../plan/calendar.ts";
import { type DatasetPlan, type GridPlan, type HoppingPlan } from "../plan/plan.ts";
import { printExpression } from "../plan/print-duckdb.ts";
import { gridOf } from "../plan/window-size.ts";
import { bucketed, paneIndex, paneStart } from "./bucket.ts";
import { openHops } from "./hopping.ts";
import { fill } from "./late.ts";
import { earlyResults, publishChanged, takeBackGone } from "./early-results.ts";
import { aggregate, type Range } from "./publish.ts";

export interface EarlyRound {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  readonly window: GridPlan;
  /** All windows that end here or earlier are closed. */
  readonly closedUntilUs: bigint;
  readonly maxEventTimeUs: bigint;
  /** Rows from this `_seq` on are new. */
  readonly sinceSeq: number;
  readonly hasPanes: boolean;
}

/** Publishes the results of open windows that differ from what is there. Gives their number. */
export async function publishEarly(round: EarlyRound): Promise<number> {
  const { tx, dataset, window, closedUntilUs, maxEventTimeUs } = round;
  const { startUs, endUs } = windowBounds(gridOf(window), window.timezone, maxEventTimeUs);
  // Hopping windows that are open reach back behind the border up to which others are closed.
  const firstUs = window.kind === "hopping" ? firstOpen(window, closedUntilUs) : closedUntilUs;
  if (endUs <= firstUs) return 0;
  const rows = { fromUs: closedUntilUs, toUs: endUs };
  // Rows of a key are replaced, so what they were part of before may have changed as well.
  const isKeyed = dataset.key.length > 0;
  const only = isKeyed ? undefined : await changedGroups(round, { fromUs: firstUs, toUs: endUs });
  if (only === null) return 0;
  const groups =
    window.kind === "hopping"
      ? await openHops({ ...round, window, late: null, visible: {} }, rows, only)
      : await aggregate(tx, dataset, window, tx.relation(dataset.name, rows), rows, { only });
  const early = earlyResults(tx, window, { fromUs: firstUs, toUs: startUs + 1n });
  const published = await publishChanged(tx, window, groups, early);
  return isKeyed ? published + (await takeBackGone(tx, window, early, groups)) : published;
}

/** Early results of windows that have closed without them: their rows were replaced. */
export async function takeBackEarly(
  tx: Transaction,
  window: GridPlan,
  range: Range,
): Promise<void> {
  const fromUs = window.kind === "hopping" ? firstOpen(window, range.fromUs) : range.fromUs;
  const closed = sql`AND window_end <= make_timestamp(${sql.literal(range.toUs)})`;
  await takeBackGone(
    tx,
    window,
    earlyResults(tx, window, { fromUs, toUs: range.toUs }, closed),
    null,
  );
}

/** Where the first window begins that ends after an instant. */
function firstOpen(window: HoppingPlan, closedUntilUs: bigint): bigint {
  return paneStart(window, paneIndex(window, closedUntilUs) - BigInt(window.panes) + 1n);
}

/** A table of the groups that have new rows: with their window where that is one; null: none. */
async function changedGroups(round: EarlyRound, range: Range): Promise<Sql | null> {
  const { tx, dataset, window, sinceSeq } = round;
  const columns = tx.table(dataset.name).columnNames;
  const names = sql.join(columns.map((name) => sql.id(name)));
  const rows = sql`(SELECT ${names} FROM ${tx.relation(dataset.name, range)} AS r
    WHERE _seq >= ${sql.literal(sinceSeq)})`;
  const by = window.by.map(
    (one) => sql`, ${printExpression(one.expression)} AS ${sql.id(one.name)}`,
  );
  const where = window.where === null ? sql.empty : sql`WHERE (${printExpression(window.where)})`;
  const placed =
    window.kind === "hopping"
      ? { start: sql`NULL`, rows }
      : {
          start: sql`_ws`,
          rows: await bucketed(tx.connection, window, rows, sql.id(dataset.eventTime), columns),
        };
  const found = await fill(
    tx,
    "_early_groups",
    sql`SELECT DISTINCT ${placed.start} AS _ws${sql.join(by, "")} FROM ${placed.rows} AS b ${where}`,
  );
  return found === 0 ? null : sql`temp._early_groups`;
}
