/** Splits a batch into runs of rows between which some window changes its state. */
import { sql } from "../core/sql.ts";
import { type AppliedRows } from "../engine/stage.ts";
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type WindowPlan } from "../plan/plan.ts";
import { closedBoundary } from "./bucket.ts";
import { BATCH, collectCandidates } from "./late.ts";
import { type Progress } from "../streams/watermark.ts";

interface Met {
  readonly _seq: bigint;
  readonly _time: bigint;
  readonly _wm: bigint | null;
}

/**
 * Within a run every window is open, closed, or beyond its lateness for all rows alike. Needed
 * where a row can replace one of another window: what it does there depends on that window's state.
 */
export async function splitIntoRuns(
  tx: Transaction,
  dataset: DatasetPlan,
  windows: readonly WindowPlan[],
  rows: AppliedRows,
  before: Progress,
): Promise<readonly AppliedRows[]> {
  await collectCandidates(tx, dataset, rows, before);
  const met = await tx.connection.rows<Met>(
    sql`SELECT _seq, epoch_us(${sql.id(dataset.eventTime)}) AS _time, _wm FROM ${BATCH} AS b ORDER BY _seq`,
  );
  const runs: Met[][] = [];
  let state: string | undefined;
  let watermarkUs: bigint | null | undefined;
  for (const row of met) {
    if (row._wm !== watermarkUs) {
      watermarkUs = row._wm;
      const next = stateOf(windows, row._wm);
      if (next !== state) runs.push([]);
      state = next;
    }
    runs.at(-1)?.push(row);
  }
  // A run of a stream ends where the watermark goes on to what the next one meets.
  const split = runs.map((run, index) => runOf(rows, run, runs[index + 1]?.[0]));
  const [first] = split;
  if (rows.derived === undefined || first === undefined) return split;
  // What it meets may have come with rows that are kept out of the stream.
  const derived = { ...rows.derived, watermarkUs: met[0]?._wm ?? null };
  return [{ ...first, endSeq: first.firstSeq, rows: 0, derived }, ...split];
}

/** Which windows are closed, and which are beyond their lateness, at a watermark. */
function stateOf(windows: readonly WindowPlan[], watermarkUs: bigint | null): string {
  if (watermarkUs === null) return "before the first row";
  const borders = windows.flatMap((window) => [
    closedBoundary(window, watermarkUs),
    closedBoundary(window, watermarkUs - BigInt(window.allowedLatenessUs)),
  ]);
  return borders.join(" ");
}

function runOf(rows: AppliedRows, run: readonly Met[], next: Met | undefined): AppliedRows {
  const times = run.map((row) => row._time);
  const first = run[0]?._seq ?? 0n;
  const last = run.at(-1)?._seq ?? 0n;
  const { derived } = rows;
  const watermarkUs = next === undefined ? derived?.watermarkUs : next._wm;
  return {
    ...rows,
    derived: derived && { ...derived, watermarkUs: watermarkUs ?? null },
    firstSeq: Number(first),
    endSeq: Number(last) + 1,
    rows: run.length,
    eventTimeUs: {
      min: times.reduce((a, b) => (b < a ? b : a)),
      max: times.reduce((a, b) => (b > a ? b : a)),
      disorder: null,
    },
  };
}
