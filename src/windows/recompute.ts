/**
 * Computes closed windows again from all rows that are stored, late ones included, and publishes
 * what differs from the results that are there.
 */
import { sql, type Sql } from "../core/sql.ts";
import { lateRowsOf } from "../engine/stored-tables.ts";
import { type Transaction } from "../engine/transaction.ts";
import { windowBounds } from "../plan/calendar.ts";
import {
  type DatasetPlan,
  type GridPlan,
  type TumblingPlan,
  type WindowPlan,
} from "../plan/plan.ts";
import { hopsStarting, rowsOfStarts } from "./hopping.ts";
import { fill } from "./late.ts";
import { type Range } from "./publish.ts";
import { aggregate, byNames } from "./publish.ts";
import { insertResults } from "./results.ts";

export interface Recomputing {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  readonly window: GridPlan;
  /** Starts of the windows, half-open; those that are not closed stay as they are. */
  readonly starts: Range;
  /** Windows that end later are open. */
  readonly closedUntilUs: bigint;
  /**
   * Only windows that some row came too late for; all; or all, in which what came too late still
   * does not count. (Where a key replaces rows it does: the ones before are not kept.)
   */
  readonly only: "all" | "late" | "punctual";
}

export interface Recomputed {
  /** Results of windows or groups that had none. */
  readonly added: number;
  readonly corrected: number;
  readonly takenBack: number;
  /** Late rows that count now; one of overlapping windows once for each range that is computed. */
  readonly replayed: number;
}

export const NOTHING_RECOMPUTED: Recomputed = { added: 0, corrected: 0, takenBack: 0, replayed: 0 };

/** Of two ranges together. */
export function plus(a: Recomputed, b: Recomputed): Recomputed {
  return {
    added: a.added + b.added,
    corrected: a.corrected + b.corrected,
    takenBack: a.takenBack + b.takenBack,
    replayed: a.replayed + b.replayed,
  };
}

/** A second time it changes nothing: results are equal, and no row is late any more. */
export async function recompute(of: Recomputing): Promise<Recomputed> {
  const { tx, dataset, window } = of;
  const late = lateIn(of);
  const endUs = window.kind === "hopping" ? of.starts.toUs : lastEnd(window, of.starts);
  const [span] = await tx.connection.rows<Record<"from" | "last" | "to", bigint | null>>(
    of.only === "late"
      ? sql`SELECT epoch_us(min(_window_start)) AS "from", epoch_us(max(_window_start)) AS "last",
                   epoch_us(max(_window_end)) AS "to" FROM ${late} AS l`
      : sql`SELECT ${sql.literal(of.starts.fromUs)} AS "from", ${sql.literal(of.starts.toUs - 1n)} AS "last",
                   ${sql.literal(endUs)} AS "to"`,
  );
  if (span === undefined || span.from === null || span.last === null || span.to === null) {
    return NOTHING_RECOMPUTED;
  }
  const starts = { fromUs: span.from, lastUs: span.last };
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _recomputed AS ${await newResults(of, starts, span.to, late)}`,
  );
  const counts = await publishDifferences(of);
  if (keepsOut(of)) return { ...counts, replayed: 0 };
  return { ...counts, replayed: await markReplayed(tx, dataset, late) };
}

function keepsOut({ only, dataset }: Recomputing): boolean {
  return only === "punctual" && dataset.key.length === 0;
}

/** The end of the last window that starts in the range. */
function lastEnd(window: TumblingPlan, starts: Range): bigint {
  return windowBounds(window.size, window.timezone, starts.toUs - 1n).endUs;
}

/** Rows of `late_rows` that wait, of the windows that are closed. */
function lateIn({ tx, dataset, window, starts, closedUntilUs }: Recomputing): Sql {
  const where = sql`${startsIn(starts)} AND _window_end <= ${timestamp(closedUntilUs)}`;
  return waitingLate(tx, dataset, window, where);
}

/** SQL: the window that a row is late for starts in the range. */
export function startsIn({ fromUs, toUs }: Range): Sql {
  return sql`_window_start >= ${timestamp(fromUs)} AND _window_start < ${timestamp(toUs)}`;
}

/** SQL for the late rows of one window that wait, in all their columns and with `_seq`. */
export function waitingLate(
  tx: Transaction,
  dataset: DatasetPlan,
  window: WindowPlan,
  where: Sql,
): Sql {
  const names = sql.join(tx.table(lateRowsOf(dataset.name)).columnNames.map((one) => sql.id(one)));
  return sql`(SELECT ${names} FROM ${tx.relation(lateRowsOf(dataset.name))} AS w
    WHERE NOT _replayed AND _window = ${sql.literal(window.name)} AND ${where})`;
}

/** SQL: `_ws`, `_we`, by-columns and measures of the windows, over all rows. */
async function newResults(
  of: Recomputing,
  starts: { readonly fromUs: bigint; readonly lastUs: bigint },
  toUs: bigint,
  late: Sql,
): Promise<Sql> {
  const { tx, dataset, window, closedUntilUs } = of;
  const span = { fromUs: starts.fromUs, toUs };
  const out = keepsOut(of) ? await keptOut(of, late) : undefined;
  const whole = window.kind === "hopping" ? rowsOfStarts(window, starts) : span;
  const groups =
    window.kind === "hopping" && out === undefined
      ? await hopsStarting({ tx, dataset, window }, starts)
      : await aggregate(tx, dataset, window, tx.relation(dataset.name, whole), whole, { out });
  const chosen =
    of.only === "late"
      ? sql`AND _ws IN (SELECT _window_start FROM ${late} AS l)`
      : sql`AND _ws >= ${timestamp(of.starts.fromUs)} AND _ws < ${timestamp(of.starts.toUs)}`;
  return sql`FROM ${groups} AS g WHERE _we <= ${timestamp(closedUntilUs)} ${chosen}`;
}

/** A table of `_seq` and `_ws`: rows, and windows in which they do not count; none: undefined. */
async function keptOut({ tx }: Recomputing, late: Sql): Promise<Sql | undefined> {
  const found = await fill(
    tx,
    "_kept_out",
    sql`SELECT _row AS _seq, _window_start AS _ws FROM ${late} AS l`,
  );
  return found === 0 ? undefined : sql`temp._kept_out`;
}

/**
 * Where there was no result, it begins with revision 2: the window was over before, without the
 * rows that count now.
 */
async function publishDifferences(of: Recomputing): Promise<Omit<Recomputed, "replayed">> {
  const { tx, window } = of;
  const names = byNames(window);
  const measures = window.measures.map(({ name }) => name);
  const late = lateIn(of);
  const chosen =
    of.only === "late"
      ? sql`window_start IN (SELECT _window_start FROM ${late} AS l)`
      : sql`window_start >= ${timestamp(of.starts.fromUs)} AND window_start < ${timestamp(of.starts.toUs)}`;
  const columns = sql.join(tx.table(window.name).columnNames.map((name) => sql.id(name)));
  const older = sql`(SELECT ${columns} FROM ${tx.relation(window.name, {
    fromUs: of.starts.fromUs,
    toUs: of.starts.toUs,
    withDeleted: true,
  })} AS r WHERE ${chosen} AND window_end <= ${timestamp(of.closedUntilUs)})`;
  const differs = measures.map((name) => sql`g.${sql.id(name)} IS DISTINCT FROM o.${sql.id(name)}`);
  const sameStart = names.map(
    (name) => sql` AND o.${sql.id(name)} IS NOT DISTINCT FROM g.${sql.id(name)}`,
  );
  const isAlive = sql`o.window_start IS NOT NULL AND NOT o._deleted`;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _differences AS
        SELECT coalesce(g._ws, o.window_start) AS _ws, coalesce(g._we, o.window_end) AS _we
               ${sql.join(
                 names.map((name) => {
                   const [g, o] = [sql.id("g", name), sql.id("o", name)];
                   return sql`, CASE WHEN g._ws IS NULL THEN ${o} ELSE ${g} END AS ${sql.id(name)}`;
                 }),
                 "",
               )}
               ${sql.join(
                 measures.map((name) => sql`, ${sql.id("g", name)} AS ${sql.id(name)}`),
                 "",
               )},
               coalesce(nullif(o.revision, 0) + 1, 2) AS _revision,
               g._ws IS NULL AS _gone,
               ${isAlive} AS _was
          FROM temp._recomputed AS g FULL JOIN ${older} AS o
            ON o.window_start = g._ws${sql.join(sameStart, "")}
         WHERE CASE WHEN g._ws IS NULL THEN NOT o._deleted
                    WHEN ${isAlive} THEN ${sql.join([sql`FALSE`, ...differs], " OR ")}
                    ELSE TRUE END`,
  );
  const [counts] = await tx.connection.rows<Record<"added" | "corrected" | "gone", bigint>>(
    sql`SELECT count(*) FILTER (NOT _was) AS added,
               count(*) FILTER (_was AND NOT _gone) AS corrected,
               count(*) FILTER (_gone) AS gone FROM temp._differences AS d`,
  );
  if (counts === undefined || counts.added + counts.corrected + counts.gone === 0n) {
    return NOTHING_RECOMPUTED;
  }
  await insertResults(tx, window, "always", {
    values: [
      sql`d._ws`,
      sql`d._we`,
      ...[...names, ...measures].map((name) => sql.id("d", name)),
      sql`d._revision`,
      sql`d._gone`,
    ],
    from: sql`temp._differences AS d`,
    order: [sql`d._ws`, ...names.map((name) => sql.id("d", name))],
  });
  return {
    added: Number(counts.added),
    corrected: Number(counts.corrected),
    takenBack: Number(counts.gone),
  };
}

/** Writes late rows once more, as rows that count. Gives how many different rows they are. */
export async function markReplayed(
  tx: Transaction,
  dataset: DatasetPlan,
  late: Sql,
): Promise<number> {
  const [found] = await tx.connection.rows<Record<"marks" | "rows" | "waited", bigint>>(
    sql`SELECT count(*) AS marks, count(DISTINCT _row) AS rows,
               count(*) FILTER (_watermark > _window_start) AS waited FROM ${late} AS l`,
  );
  if (found === undefined || found.marks === 0n) return 0;
  const name = lateRowsOf(dataset.name);
  const columns = tx.table(name).stored.plan.columns.map((column) => column.name);
  const values = columns.map((column) => (column === "_replayed" ? sql`TRUE` : sql.id(column)));
  await tx.insert(name, {
    columns: sql.join(values),
    from: sql`(SELECT ${sql.join(columns.map((column) => sql.id(column)))},
                 row_number() OVER (ORDER BY _seq) - 1 AS _place FROM ${late} AS l) AS m`,
    offset: sql`_place`,
    span: Number(found.marks),
    repeats: "always",
    waiting: -Number(found.waited),
  });
  return Number(found.rows);
}

function timestamp(us: bigint): Sql {
  return sql`make_timestamp(${sql.literal(us)})`;
}
