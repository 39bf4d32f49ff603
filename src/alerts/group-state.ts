/** The states of one group of an alert, and what a new result makes of them. */
import { type AlertBounds, type AlertPlan } from "../plan/alert-plan.ts";

/** A group that is neither pending nor firing has no entry, except where absence is looked for. */
export interface GroupState {
  readonly state: "watched" | "pending" | "firing";
  /** By-values as DuckDB's text. */
  readonly by: readonly (string | null)[];
  /** End of the first window for which it held. */
  readonly sinceUs: number;
  /** Of the newest result. */
  readonly startUs: number;
  readonly endUs: number;
  readonly value: number | null;
  readonly score: number | null;
  /** When the newest result was received. */
  readonly seenUs: number;
  /** Whether somebody was told of the firing. */
  readonly isNotified: boolean;
}

/** A result with its score, as the statement of `score.ts` gives it. */
export interface Scored {
  readonly by: readonly (string | null)[];
  readonly startUs: number;
  readonly endUs: number;
  readonly value: number | null;
  readonly score: number | null;
}

/** One row of the alert's relation, before it is known whether somebody is notified. */
export interface Transition {
  readonly state: "pending" | "firing" | "resolved";
  readonly atUs: number;
  readonly group: GroupState;
}

export interface Step {
  /** Null: nothing is to be remembered of the group. */
  readonly next: GroupState | null;
  readonly transition: Transition | null;
}

export function isBreach(score: number | null, { above, below }: AlertBounds): boolean {
  if (score === null) return false;
  return (above !== null && score > above) || (below !== null && score < below);
}

/** Whether something that holds goes on: between bound and `clear` it does. */
function holdsOn(score: number | null, { above, below, clear }: AlertBounds): boolean {
  if (score === null) return false;
  return (
    (above !== null && score > (clear ?? above)) || (below !== null && score < (clear ?? below))
  );
}

/** What a result makes of its group. `before` is undefined where all was well. */
export function step(
  plan: AlertPlan,
  bounds: AlertBounds,
  before: GroupState | undefined,
  result: Scored,
  seenUs: number,
): Step {
  if (before === undefined) {
    if (!isBreach(result.score, bounds)) return { next: null, transition: null };
    const begun = { ...result, sinceUs: result.endUs, seenUs, isNotified: false };
    const state = plan.forUs === 0 ? "firing" : "pending";
    return entered({ ...begun, state }, state);
  }
  const group = { ...before, ...result, seenUs };
  if (before.state === "pending") {
    if (!isBreach(result.score, bounds)) return resolved(group, result.endUs);
    const isDue = result.endUs - before.sinceUs >= plan.forUs;
    return isDue
      ? entered({ ...group, state: "firing" }, "firing")
      : { next: group, transition: null };
  }
  return holdsOn(result.score, bounds)
    ? { next: group, transition: null }
    : resolved(group, result.endUs);
}

function entered(group: GroupState, state: "pending" | "firing"): Step {
  return { next: group, transition: { state, atUs: group.endUs, group } };
}

export function resolved(group: GroupState, atUs: number): Step {
  return { next: null, transition: { state: "resolved", atUs, group } };
}
