/** What operators tell the windows to do, as the log carries it. */
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type WindowPlan } from "../plan/plan.ts";
import { NOTHING_RECOMPUTED, recompute, type Recomputed } from "./recompute.ts";
import { replaySessions } from "./replay-sessions.ts";
import { type SessionProgress } from "./sessions.ts";

/** For the stage of the windows, through the log. Times are microseconds as text. */
export interface WindowCommand {
  readonly kind: "recompute";
  readonly window: string;
  /** Starts of windows, half-open. */
  readonly fromUs: string;
  readonly toUs: string;
  /**
   * All windows of the range, or those that some row came too late for. Sessions have counted every
   * other row already, so that it is the same for them.
   */
  readonly only: "all" | "late";
}

export interface Commanded {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  readonly window: WindowPlan;
  readonly closedUntilUs: bigint;
  readonly sessions: SessionProgress | null;
}

export async function runWindowCommand(
  of: Commanded,
  { fromUs, toUs, only }: WindowCommand,
): Promise<{ readonly counts: Recomputed; readonly sessions: SessionProgress | null }> {
  const { window, sessions, ...rest } = of;
  const starts = { fromUs: BigInt(fromUs), toUs: BigInt(toUs) };
  if (window.kind !== "session") {
    const counts = await recompute({ ...rest, window, starts, onlyLate: only === "late" });
    return { counts, sessions };
  }
  if (sessions === null) return { counts: NOTHING_RECOMPUTED, sessions };
  const { longestUs, ...counts } = await replaySessions({ ...rest, window }, sessions, starts);
  return { counts, sessions: { ...sessions, longestUs } };
}
