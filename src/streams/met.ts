/**
 * The watermark that each row of a batch met: taken row by row, so that it does not matter how rows
 * were batched.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { type Progress, slowestOther } from "./watermark.ts";

/** SQL for microseconds; null as a BIGINT too. */
export function microseconds(value: bigint | null | undefined): Sql {
  return value === null || value === undefined
    ? sql`CAST(NULL AS BIGINT)`
    : sql`CAST(${sql.literal(value)} AS BIGINT)`;
}

/** The rows of the batch: `columns` are what to read of them. */
export function batchRows(tx: Transaction, rows: AppliedRows, columns: Sql): Sql {
  const table = tx.table(rows.dataset);
  return sql`(SELECT ${columns} FROM ${table.memoryTable(table.generation)}
    WHERE _seq >= ${sql.literal(rows.firstSeq)} AND _seq < ${sql.literal(rows.endSeq)})`;
}

/**
 * A sub-select: the rows of a batch of one producer, with the watermark that each met as `_wm`
 * (microseconds, null before the first).
 */
export function withMet(
  tx: Transaction,
  dataset: DatasetPlan,
  rows: AppliedRows,
  before: Progress,
  names: readonly string[],
): Sql {
  const columns = sql.join(names.map((name) => sql.id(name)));
  if (rows.derived !== undefined) {
    const batch = batchRows(tx, rows, columns);
    return sql`(SELECT ${columns}, _wm FROM ${batch} AS b JOIN ${rows.derived.met} AS m USING (_seq))`;
  }
  const at = sql.id(dataset.eventTime);
  const ownMax = microseconds(before.producers.get(rows.producer)?.maxUs);
  const others = microseconds(slowestOther(before, rows.producer));
  const outOfOrderness = sql.literal(dataset.watermark.outOfOrdernessUs);
  // Without ORDER BY the running maximum streams, in the order in which rows were stored.
  const own = sql`greatest(${ownMax}, max(epoch_us(${at})) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))`;
  const met = sql`greatest(${microseconds(before.watermarkUs)},
               CASE WHEN _own IS NOT NULL THEN least(${others}, _own) - ${outOfOrderness} END)`;
  return sql`(SELECT ${columns},
      ${rows.besideUs === undefined ? met : lower(met, microseconds(rows.besideUs))} AS _wm
    FROM ${batchRows(tx, rows, sql`${columns}, ${own} AS _own`)} AS o)`;
}

/** The lower of two; null where one of them is. */
function lower(a: Sql, b: Sql): Sql {
  return sql`CASE WHEN ${a} < ${b} THEN ${a} WHEN ${a} >= ${b} THEN ${b} END`;
}
