/** What a batch can mean for windows, by the bounds of its event times alone. */
import { type AppliedRows, type DerivedTime } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type WindowPlan } from "../plan/plan.ts";
import { closedBoundary } from "./bucket.ts";
import { advance, type Progress } from "../streams/watermark.ts";

/** How far event time has come when the batch is applied. */
export function afterRows(before: Progress, dataset: DatasetPlan, rows: AppliedRows): Progress {
  if (rows.derived !== undefined) return afterDerived(before, rows, rows.derived);
  return advance(before, dataset.watermark, {
    producer: rows.producer,
    minUs: rows.eventTimeUs.min,
    maxUs: rows.eventTimeUs.max,
    receivedAtUs: rows.receivedAtUs,
  });
}

/** Nobody sends rows to a stream: how far it is was decided where its rows come from. */
function afterDerived(before: Progress, rows: AppliedRows, derived: DerivedTime): Progress {
  const { watermarkUs } = derived;
  if (rows.rows === 0) return { ...before, watermarkUs };
  const { min, max } = rows.eventTimeUs;
  const { minEventTimeUs, maxEventTimeUs } = before;
  return {
    watermarkUs,
    minEventTimeUs: minEventTimeUs === null || min < minEventTimeUs ? min : minEventTimeUs,
    maxEventTimeUs: maxEventTimeUs === null || max > maxEventTimeUs ? max : maxEventTimeUs,
    producers: before.producers,
  };
}

/**
 * Where a row replaces another one, what it does to a window depends on that window's state when it
 * comes: which matters if they may lie in different windows, or in several.
 */
export function needsRuns(
  tx: Transaction,
  dataset: DatasetPlan,
  windows: readonly WindowPlan[],
  rows: AppliedRows,
  before: Progress,
  after: Progress,
): boolean {
  const table = tx.table(dataset.name);
  if (windows.length === 0 || !table.isKeyed) return false;
  if (!table.isKeyTimed) return true;
  return windows.some(
    (window) => window.kind === "hopping" && mayBeLate(tx, dataset, window, rows, before, after),
  );
}

/** Whether a row of the batch can belong to a window that is over by the end of the batch. */
export function mayBeLate(
  tx: Transaction,
  dataset: DatasetPlan,
  window: WindowPlan,
  rows: AppliedRows,
  before: Progress,
  after: Progress,
): boolean {
  if (after.watermarkUs === null || rows.rows === 0) return false;
  const table = tx.table(dataset.name);
  // An upsert whose key leaves time open may replace a row of any window.
  if (table.isKeyed && !table.isKeyTimed) return true;
  if (rows.eventTimeUs.min >= closedBoundary(window, after.watermarkUs)) return false;
  return !isOrderly(dataset, rows, before);
}

/** True when no row of the batch can lie below the watermark that it meets. */
function isOrderly(dataset: DatasetPlan, rows: AppliedRows, before: Progress): boolean {
  if (rows.besideUs !== undefined) return false;
  const { min, disorder } = rows.eventTimeUs;
  if (disorder === null || disorder > BigInt(dataset.watermark.outOfOrdernessUs)) return false;
  return before.watermarkUs === null || min >= before.watermarkUs;
}
