/** What operators tell the windows to do, as the log carries it. */
import { type Transaction } from "../engine/transaction.ts";
import { type DatasetPlan, type WindowPlan } from "../plan/plan.ts";
import { IS_SET_ASIDE } from "./beside-sessions.ts";
import { type Range } from "./publish.ts";
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

/**
 * Windows that a replay has passed; `boundUs`: those that end later wait. `openUs`: when the first
 * session can be over that waits with rows of the range; null: none does.
 */
export async function runReplaySlice(
  of: Commanded,
  starts: Range,
  boundUs: bigint,
): Promise<{
  readonly counts: Recomputed;
  readonly sessions: SessionProgress | null;
  readonly openUs: bigint | null;
}> {
  const { window, sessions, ...rest } = of;
  if (window.kind !== "session") {
    const counts = await recompute({ ...rest, window, starts, only: "punctual" });
    return { counts, sessions, openUs: null };
  }
  if (sessions === null) return { counts: NOTHING_RECOMPUTED, sessions, openUs: null };
  const progress = { ...sessions, closedUntilUs: boundUs };
  const joined = await replaySessions({ ...rest, window }, progress, starts, IS_SET_ASIDE);
  const { longestUs, openUs, ...counts } = joined;
  return { counts, sessions: { ...sessions, longestUs }, openUs };
}

export async function runWindowCommand(
  of: Commanded,
  { fromUs, toUs, only }: WindowCommand,
): Promise<{ readonly counts: Recomputed; readonly sessions: SessionProgress | null }> {
  const { window, sessions, ...rest } = of;
  const starts = { fromUs: BigInt(fromUs), toUs: BigInt(toUs) };
  if (window.kind !== "session") {
    const counts = await recompute({ ...rest, window, starts, only });
    return { counts, sessions };
  }
  if (sessions === null) return { counts: NOTHING_RECOMPUTED, sessions };
  const joined = await replaySessions({ ...rest, window }, sessions, starts);
  const { longestUs, openUs: _, ...counts } = joined;
  return { counts, sessions: { ...sessions, longestUs } };
}
