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
  /** All windows of the range, or those that some row came too late for. */
  readonly only: "all" | "late";
}

export interface Commanded {
  readonly tx: Transaction;
  readonly dataset: DatasetPlan;
  readonly window: WindowPlan;
  readonly closedUntilUs: bigint;
  readonly sessions: SessionProgress | null;
  /** Other windows read this one's results. */
  readonly isRead: boolean;
}

export async function runWindowCommand(
  of: Commanded,
  { fromUs, toUs, only }: WindowCommand,
): Promise<{ readonly counts: Recomputed; readonly sessions: SessionProgress | null }> {
  const { window, sessions, isRead, ...rest } = of;
  const starts = { fromUs: BigInt(fromUs), toUs: BigInt(toUs) };
  const onlyLate = only === "late";
  if (window.kind !== "session") {
    const firstRevision = onlyLate || isRead ? 2 : 1;
    const counts = await recompute({ ...rest, window, starts, onlyLate, firstRevision });
    return { counts, sessions };
  }
  if (sessions === null || !onlyLate) return { counts: NOTHING_RECOMPUTED, sessions };
  const { longestUs, ...counts } = await replaySessions({ ...rest, window }, sessions, starts);
  return { counts, sessions: { ...sessions, longestUs } };
}
