/**
 * Finds the late rows of a batch: rows that come after the watermark has passed the end of a window
 * that they belong to. The watermark is taken row by row, so it does not matter how rows were
 * batched.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { lateRowsOf } from "../engine/stored-tables.ts";
import { type Table } from "../engine/table.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type GridPlan, type WindowPlan } from "../plan/plan.ts";
import { printExpression } from "../plan/print-duckdb.ts";
import { bucketed } from "./bucket.ts";
import { microseconds, withMet } from "../streams/met.ts";
import { FAR_PAST_US, type Progress } from "../streams/watermark.ts";

/**
 * All rows of the batch with the watermark that they met (`_wm`, microseconds, null before the
 * first).
 */
export const BATCH = sql`temp._late_batch`;

/**
 * Fills `BATCH` with the rows that may be late and gives their number. For a keyed dataset it holds
 * all rows, because the row that one replaces may be late as well.
 */
export async function collectCandidates(
  tx: Transaction,
  dataset: DatasetPlan,
  rows: AppliedRows,
  before: Progress,
): Promise<number> {
  const table = tx.table(dataset.name);
  const at = sql.id(dataset.eventTime);
  const columns = sql.join(table.columnNames.map((name) => sql.id(name)));
  // Of a replay also those that it has not passed: open windows over closed panes need them.
  const behind = rows.besideUs === undefined ? sql`_wm` : microseconds(rows.besideUs);
  const where = table.isKeyed ? sql.empty : sql`WHERE epoch_us(${at}) < ${behind}`;
  const met = withMet(tx, dataset, rows, before, table.columnNames);
  return fill(tx, "_late_batch", sql`SELECT ${columns}, _wm FROM ${met} AS w ${where}`);
}

/** Puts rows into a temporary table and gives their number. */
export async function fill(tx: Transaction, name: string, rows: Sql): Promise<number> {
  await tx.connection.run(sql`CREATE OR REPLACE TEMP TABLE ${sql.id(name)} AS ${rows}`);
  const [count] = await tx.connection.rows<{ n: bigint }>(
    sql`SELECT count(*) AS n FROM temp.${sql.id(name)} AS t`,
  );
  return Number(count?.n ?? 0n);
}

/** Tables that one window's late rows are in, after `sortLate`. */
export interface LateTables {
  /**
   * `_seq` of rows that come too late for a window of their own, or of the row that they replace:
   * as if they had never come, for this window. For hopping windows also `_from`, the first window
   * that they do not come too late for.
   */
  readonly beyond: Sql;
  /** `_ws`, `_we`, the by-columns, `_late` (rows absorbed): groups to correct. */
  readonly dirty: Sql;
  readonly beyondRows: number;
  readonly dirtyGroups: number;
}

/**
 * Sorts the candidates by one window's rules, and files those beyond it under
 * `<dataset>.late_rows`.
 */
export async function sortLate(
  tx: Transaction,
  dataset: DatasetPlan,
  window: GridPlan,
  rows: AppliedRows,
): Promise<LateTables> {
  const beyond = sql`temp._late_beyond`;
  const dirty = sql`temp._late_dirty`;
  const events = sql`temp._late_events`;
  await createEvents(tx, dataset, window, rows);
  const beyondRows = await fill(
    tx,
    "_late_beyond",
    window.kind === "hopping"
      ? sql`SELECT _seq, max(_w) + 1 AS _from FROM ${events} AS e WHERE NOT _within GROUP BY _seq`
      : sql`SELECT DISTINCT _seq FROM ${events} AS e WHERE NOT _within`,
  );
  const tooLate = sql`(SELECT DISTINCT _seq, _ws, _we FROM ${events} AS e WHERE NOT _within)`;
  await storeLateRows(tx, dataset, window, tooLate);
  const by = sql.join(
    window.by.map((one) => sql`, ${sql.id(one.name)}`),
    "",
  );
  const dirtyGroups = await fill(
    tx,
    "_late_dirty",
    sql`SELECT _ws, _we${by}, count(DISTINCT _seq) AS _late FROM ${events} AS e
         WHERE _within GROUP BY _ws, _we${by}`,
  );
  return { beyond, dirty, beyondRows, dirtyGroups };
}

/**
 * One event for each late row and window that it changes: its own, and for an upsert the window of
 * the row that it replaces. `_own` tells the two apart.
 */
async function createEvents(
  tx: Transaction,
  dataset: DatasetPlan,
  window: GridPlan,
  rows: AppliedRows,
): Promise<void> {
  const table = tx.table(dataset.name);
  const columns = table.columnNames;
  const own = await eventsOf(tx, dataset, window, aliveOf(BATCH, table), [...columns, "_wm"], true);
  let events = own;
  if (table.isKeyed) {
    const replaced = replacedRows(tx, dataset, rows);
    const before = await eventsOf(tx, dataset, window, replaced, [...columns, "_wm"], false);
    events = sql`${own} UNION ALL ${before}`;
  }
  await tx.connection.run(sql`CREATE OR REPLACE TEMP TABLE _late_events AS ${events}`);
}

/** A row that takes another one back lies in no window itself. */
function aliveOf(rows: Sql, table: Table): Sql {
  return table.stored.hasTombstones ? sql`(FROM ${rows} WHERE NOT _deleted)` : rows;
}

async function eventsOf(
  tx: Transaction,
  dataset: DatasetPlan,
  window: GridPlan,
  rows: Sql,
  columns: readonly string[],
  isOwn: boolean,
): Promise<Sql> {
  const at = sql.id(dataset.eventTime);
  const inWindows = await bucketed(tx.connection, window, rows, at, columns);
  const by = window.by.map(
    (one) => sql`, ${printExpression(one.expression)} AS ${sql.id(one.name)}`,
  );
  const where = window.where === null ? sql.empty : sql`AND (${printExpression(window.where)})`;
  const within =
    window.late === "update"
      ? sql`epoch_us(_we) + ${sql.literal(window.allowedLatenessUs)} > _wm`
      : sql`FALSE`;
  const number = window.kind === "hopping" ? sql`, _w` : sql.empty;
  return sql`SELECT _seq, _ws, _we${number}, _wm, ${within} AS _within, ${sql.literal(isOwn)} AS _own${sql.join(by, "")}
    FROM ${inWindows} AS b WHERE epoch_us(_we) <= _wm ${where}`;
}

/**
 * For each row of the batch the version before it (stored, or earlier in the batch), under the new
 * row's `_seq` and `_wm`.
 */
function replacedRows(tx: Transaction, dataset: DatasetPlan, rows: AppliedRows): Sql {
  const table = tx.table(dataset.name);
  const key = sql.join(dataset.key.map((name) => sql.id(name)));
  const range = table.isKeyTimed
    ? { fromUs: rows.eventTimeUs.min, toUs: rows.eventTimeUs.max + 1n }
    : {};
  const older = tx.relation(dataset.name, { ...range, beforeSeq: rows.firstSeq });
  const stored = table.columnNames.filter((name) => name !== "_seq").map((name) => sql.id(name));
  const names = sql.join(stored);
  const previous = sql.join(stored.map((name) => sql`lag(${name}) OVER versions AS ${name}`));
  const wasThere = table.stored.hasTombstones ? sql`AND NOT _deleted` : sql.empty;
  return sql`(SELECT ${names}, _seq, _wm FROM (
      SELECT ${previous}, _seq, _wm, _is_new, lag(_seq) OVER versions AS _previous FROM (
        SELECT ${names}, _seq, CAST(NULL AS BIGINT) AS _wm, FALSE AS _is_new
          FROM ${older} AS o SEMI JOIN ${BATCH} AS n USING (${key})
        UNION ALL SELECT ${names}, _seq, _wm, TRUE FROM ${BATCH} AS b) AS u
      WINDOW versions AS (PARTITION BY ${key} ORDER BY _seq)) AS v
    WHERE _is_new AND _previous IS NOT NULL ${wasThere})`;
}

/**
 * Files rows of `BATCH` under `<dataset>.late_rows`. `windows` has `_seq` with the `_ws` and `_we`
 * of what each row came too late for; `met` is the watermark, microseconds.
 */
export async function storeLateRows(
  tx: Transaction,
  dataset: DatasetPlan,
  window: WindowPlan,
  windows: Sql,
  met: Sql = sql.id("b", "_wm"),
): Promise<void> {
  const names = sql.join(dataset.columns.map((column) => sql.id("b", column.name)));
  const from = sql`${BATCH} AS b JOIN ${windows} AS e USING (_seq)`;
  const [count] = await tx.connection.rows<Record<"rows" | "late", bigint>>(
    sql`SELECT count(*) AS rows, count(*) FILTER (${met} > epoch_us(_ws)) AS late FROM ${from}`,
  );
  if (count === undefined || count.rows === 0n) return;
  const ordered = sql`(SELECT ${names}, e._ws, e._we, ${met} AS _wm, _seq,
      row_number() OVER (ORDER BY _seq, e._ws) - 1 AS _place FROM ${from}) AS l`;
  const own = sql.join(dataset.columns.map((column) => sql.id(column.name)));
  await tx.insert(lateRowsOf(dataset.name), {
    columns: sql`${own}, ${sql.literal(window.name)}, _ws, _we,
      make_timestamp(greatest(_wm, ${sql.literal(FAR_PAST_US)})), _seq, FALSE`,
    from: ordered,
    offset: sql`_place`,
    span: Number(count.rows),
    repeats: "never",
    waiting: Number(count.late),
  });
}

/** `_seq` of the rows that were beyond at least one window's lateness. */
export async function beyondSeqs(tx: Transaction, tables: LateTables): Promise<readonly number[]> {
  const rows = await tx.connection.rows<{ _seq: bigint }>(
    sql`SELECT _seq FROM ${tables.beyond} AS b`,
  );
  return rows.map((row) => Number(row._seq));
}
