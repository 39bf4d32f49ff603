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
import { aggregate, byNames, type Range, sameGroup } from "./publish.ts";
import { insertResults } from "./results.ts";

/** Which rows early results have been published for. */
export interface EarlyProgress {
  /** Received time of the tick that published last; null: none has. */
  readonly emittedUs: bigint | null;
  /** Rows before this `_seq` were there then. */
  readonly emittedSeq: number;
  /** First free `_seq` of the dataset, as far as the stage has seen. */
  readonly seenSeq: number;
}

export const NOTHING_EARLY: EarlyProgress = { emittedUs: null, emittedSeq: 0, seenSeq: 0 };

/** From when on a tick would publish early results, by received time; null: there is no news. */
export function earlyDueUs(progress: EarlyProgress, throttleUs: number): bigint | null {
  if (progress.seenSeq <= progress.emittedSeq) return null;
  return progress.emittedUs === null ? 0n : progress.emittedUs + BigInt(throttleUs);
}

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
  if (endUs <= closedUntilUs) return 0;
  const rows = { fromUs: closedUntilUs, toUs: endUs };
  // Rows of a key are replaced, so what they were part of before may have changed as well.
  const isKeyed = dataset.key.length > 0;
  const only = isKeyed ? undefined : await changedGroups(round, rows);
  if (only === null) return 0;
  const groups =
    window.kind === "hopping"
      ? await openHops({ ...round, window, late: null, visible: {} }, rows, only)
      : await aggregate(tx, dataset, window, tx.relation(dataset.name, rows), rows, only);
  const firstUs = window.kind === "hopping" ? firstOpen(window, closedUntilUs) : closedUntilUs;
  const early = earlyResults(tx, window, { fromUs: firstUs, toUs: startUs + 1n });
  const names = byNames(window);
  const measures = window.measures.map(({ name }) => name);
  const differs = measures.map(
    (name) => sql` OR ${sql.id("g", name)} IS DISTINCT FROM ${sql.id("e", name)}`,
  );
  const published = await insertResults(tx, window, "always", {
    values: [
      sql`g._ws`,
      sql`g._we`,
      ...[...names, ...measures].map((name) => sql.id("g", name)),
      sql`0`,
      sql`FALSE`,
    ],
    from: sql`${groups} AS g LEFT JOIN ${early} AS e ON ${sameGroup(window, "g", "e")}
      WHERE e._ws IS NULL${sql.join(differs, "")}`,
    order: [sql`g._ws`, ...names.map((name) => sql.id("g", name))],
  });
  return isKeyed ? published + (await takeBack(tx, window, early, groups)) : published;
}

/** Early results of windows that have closed without them: their rows were replaced. */
export async function takeBackEarly(
  tx: Transaction,
  window: GridPlan,
  range: Range,
): Promise<void> {
  const fromUs = window.kind === "hopping" ? firstOpen(window, range.fromUs) : range.fromUs;
  const closed = sql`AND window_end <= make_timestamp(${sql.literal(range.toUs)})`;
  await takeBack(tx, window, earlyResults(tx, window, { fromUs, toUs: range.toUs }, closed), null);
}

/** Where the first window begins that ends after an instant. */
function firstOpen(window: HoppingPlan, closedUntilUs: bigint): bigint {
  return paneStart(window, paneIndex(window, closedUntilUs) - BigInt(window.panes) + 1n);
}

/** Tombstones for results whose groups are not among `groups` any more. */
async function takeBack(
  tx: Transaction,
  window: GridPlan,
  early: Sql,
  groups: Sql | null,
): Promise<number> {
  const by = byNames(window).map((name) => sql.id("e", name));
  const gone =
    groups === null
      ? sql`${early} AS e`
      : sql`${early} AS e ANTI JOIN ${groups} AS g ON ${sameGroup(window, "e", "g")}`;
  return insertResults(tx, window, "always", {
    values: [
      sql`e._ws`,
      sql`e._we`,
      ...by,
      ...window.measures.map(() => sql`NULL`),
      sql`0`,
      sql`TRUE`,
    ],
    from: gone,
    order: [sql`e._ws`, ...by],
  });
}

/** `_ws`, `_we`, the by-columns, the measures. `starts`: of the windows, half-open. */
function earlyResults(
  tx: Transaction,
  window: GridPlan,
  starts: Range,
  condition = sql.empty,
): Sql {
  const columns = [...byNames(window), ...window.measures.map((one) => one.name)].map(
    (name) => sql`, ${sql.id(name)}`,
  );
  return sql`(SELECT window_start AS _ws, window_end AS _we${sql.join(columns, "")}
    FROM ${tx.relation(window.name, starts)} AS r WHERE revision = 0 ${condition})`;
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
