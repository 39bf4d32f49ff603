/** Results of hopping windows: which panes they need, and which ones stay for the next. */
import { sql, type Sql } from "../core/sql.ts";
import { type RelationOptions } from "../engine/table.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type HoppingPlan } from "../plan/plan.ts";
import { paneIndex, paneStart } from "./bucket.ts";
import { BATCH, type LateTables } from "./late.ts";
import { mergePanes, panesOf, paneTable, rowsOfWindows, windowsEnding } from "./panes.ts";

/** Event times, half-open, on borders between panes. */
interface Range {
  readonly fromUs: bigint;
  readonly toUs: bigint;
}

export interface Hops {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  readonly window: HoppingPlan;
  /** Which stored rows count at all. */
  readonly visible: RelationOptions;
  readonly late: LateTables | null;
  /** Whether the pane table holds every pane that lies before the windows to close. */
  readonly hasPanes: boolean;
}

/** Rows of a keyed dataset are replaced, and a state does not forget: its panes are not kept. */
export function keepsPanes(dataset: DatasetPlan): boolean {
  return dataset.key.length === 0;
}

function beyondOf(late: LateTables | null): Sql | null {
  return late === null || late.beyondRows === 0 ? null : late.beyond;
}

/** SQL for the results of the windows that end in `range`: after its start, up to its end. */
export async function closedHops(hops: Hops, range: Range): Promise<Sql> {
  const { tx, dataset, window, visible, hasPanes } = hops;
  const windows = windowsEnding(window, range.fromUs, range.toUs);
  const needed = rowsOfWindows(window, windows);
  const isKept = keepsPanes(dataset);
  const fromUs = isKept && hasPanes ? range.fromUs : needed.fromUs;
  const rows = tx.relation(dataset.name, { ...visible, fromUs, toUs: needed.toUs });
  const added = await panesOf(tx, dataset, window, rows, beyondOf(hops.late));
  if (!isKept) {
    await tx.connection.run(sql`CREATE OR REPLACE TEMP TABLE _panes AS ${added}`);
    return mergePanes(tx, dataset, window, sql`temp._panes`, windows);
  }
  const table = paneTable(window);
  const create = sql`CREATE OR REPLACE TABLE ${table} AS`;
  // Replaced, not deleted from: DuckDB does not give back what deleted rows held.
  const first = sql.literal(windows.from);
  await tx.connection.run(
    hasPanes
      ? sql`${create} (FROM ${table} WHERE _p >= ${first}) UNION ALL (FROM ${added} AS a)`
      : sql`${create} ${added}`,
  );
  return mergePanes(tx, dataset, window, table, windows);
}

/** Late rows join the panes that are kept: windows that are still open need them. */
export async function addLatePanes(hops: Hops, closedUntilUs: bigint): Promise<void> {
  const { tx, dataset, window, late } = hops;
  if (late === null || !hops.hasPanes || !keepsPanes(dataset)) return;
  const columns = sql.join(tx.table(dataset.name).columnNames.map((name) => sql.id(name)));
  const at = sql.id(dataset.eventTime);
  const rows = sql`(SELECT ${columns} FROM ${BATCH} AS b
    WHERE ${at} < make_timestamp(${sql.literal(closedUntilUs)}))`;
  const added = await panesOf(tx, dataset, window, rows, beyondOf(late));
  const open = paneIndex(window, closedUntilUs) - BigInt(window.panes) + 1n;
  await tx.connection.run(
    sql`INSERT INTO ${paneTable(window)} FROM ${added} AS a WHERE _p >= ${sql.literal(open)}`,
  );
}

/** SQL for the results of windows that start from `fromUs` to `lastUs`, in the dirty groups. */
export async function correctedHops(
  hops: Hops,
  starts: { readonly fromUs: bigint; readonly lastUs: bigint },
  dirty: Sql,
): Promise<Sql> {
  const { tx, dataset, window, visible } = hops;
  const windows = {
    from: paneIndex(window, starts.fromUs),
    to: paneIndex(window, starts.lastUs) + 1n,
  };
  const rows = tx.relation(dataset.name, { ...visible, ...rowsOfWindows(window, windows) });
  const panes = await panesOf(tx, dataset, window, rows, beyondOf(hops.late));
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _dirty_panes AS FROM ${panes} AS p ${onlyBy(window, dirty)}`,
  );
  return mergePanes(tx, dataset, window, sql`temp._dirty_panes`, windows);
}

/**
 * SQL for the results so far of the windows that are open. `rows`: from the end of what is closed
 * to the end of the newest row's pane, which may lie before it (of a stream, whose rows are kept
 * out while its time goes on); `only` names the groups to look at.
 */
export async function openHops(hops: Hops, rows: Range, only: Sql | undefined): Promise<Sql> {
  const { tx, dataset, window, visible } = hops;
  const windows = {
    from: paneIndex(window, rows.fromUs) - BigInt(window.panes) + 1n,
    to: paneIndex(window, rows.toUs),
  };
  const isKept = keepsPanes(dataset) && hops.hasPanes;
  const fromUs = isKept ? rows.fromUs : paneStart(window, windows.from);
  const stored = tx.relation(dataset.name, { ...visible, fromUs, toUs: rows.toUs });
  const added = await panesOf(tx, dataset, window, stored, null);
  const first = sql.literal(windows.from);
  const all = isKept
    ? sql`((FROM ${paneTable(window)} WHERE _p >= ${first}) UNION ALL (FROM ${added} AS a))`
    : added;
  await tx.connection.run(
    sql`CREATE OR REPLACE TEMP TABLE _open_panes AS FROM ${all} AS p ${onlyBy(window, only)}`,
  );
  return mergePanes(tx, dataset, window, sql`temp._open_panes`, windows);
}

/** Keeps the panes `p` of the groups that a table names. */
function onlyBy(window: HoppingPlan, groups: Sql | undefined): Sql {
  if (groups === undefined) return sql.empty;
  const sameBy = window.by.map(
    (one) => sql` AND d.${sql.id(one.name)} IS NOT DISTINCT FROM p.${sql.id(one.name)}`,
  );
  return sql`WHERE EXISTS (SELECT 1 FROM ${groups} AS d WHERE TRUE${sql.join(sameBy, "")})`;
}

/** The event times of the windows that start from `fromUs` to `lastUs`. */
export function rowsOfStarts(
  window: HoppingPlan,
  { fromUs, lastUs }: { readonly fromUs: bigint; readonly lastUs: bigint },
): Range {
  const windows = { from: paneIndex(window, fromUs), to: paneIndex(window, lastUs) + 1n };
  return rowsOfWindows(window, windows);
}

/** SQL for all results of the windows that start from `fromUs` to `lastUs`, over all rows. */
export async function hopsStarting(
  { tx, dataset, window }: Pick<Hops, "tx" | "dataset" | "window">,
  starts: { readonly fromUs: bigint; readonly lastUs: bigint },
): Promise<Sql> {
  const windows = {
    from: paneIndex(window, starts.fromUs),
    to: paneIndex(window, starts.lastUs) + 1n,
  };
  const rows = tx.relation(dataset.name, rowsOfWindows(window, windows));
  const panes = await panesOf(tx, dataset, window, rows, null);
  await tx.connection.run(sql`CREATE OR REPLACE TEMP TABLE _hop_panes AS FROM ${panes} AS p`);
  return mergePanes(tx, dataset, window, sql`temp._hop_panes`, windows);
}
