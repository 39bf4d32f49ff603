/** Conditions on window results that somebody should hear of, as declared. */
import { BRAND, type Branded } from "./brand.ts";
import { type Duration } from "./dataset.ts";
import { type Expression } from "./expression.ts";
import { type SinkDefinition } from "./sink.ts";
import { type WindowDefinition } from "./window.ts";

/** A column of the window's results, or an expression over them that gives a number. */
export type Measured = string | Expression<string, "row", unknown>;

/** At least one of `above` and `below`; `clear` is where it ends, so that it does not flap. */
interface Bounds {
  readonly above?: number;
  readonly below?: number;
  /** Ends at or beyond this value. Default: the bound itself. */
  readonly clear?: number;
}

export interface Condition extends Branded<"condition"> {
  readonly kind: string;
  readonly spec: unknown;
}

function condition(kind: string, spec: unknown): Condition {
  return Object.freeze({ [BRAND]: "condition" as const, kind, spec });
}

/** The value itself. */
export function threshold(spec: Bounds & { readonly of: Measured }): Condition {
  return condition("threshold", spec);
}

/**
 * The change in percent against an earlier result of the same group: 500 is six times as much.
 * Without an earlier result, or with 0 there, there is no change to speak of.
 */
export function change(
  spec: Bounds & {
    readonly of: Measured;
    /** The window before, or the same one a day or a week ago (fixed sizes). */
    readonly against: "previous" | "day" | "week";
  },
): Condition {
  return condition("change", spec);
}

interface Horizon extends Bounds {
  readonly of: Measured;
  /** How far back the group's results are compared. */
  readonly over: Duration;
  /** Fewer results than this say nothing. Default 5. */
  readonly minResults?: number;
}

/** Standard deviations from the mean of the group's results before. */
export function zscore(spec: Horizon): Condition {
  return condition("zscore", spec);
}

/**
 * The same with median and median absolute deviation (0.6745 × distance / MAD), which single
 * outliers do not move.
 */
export function mad(spec: Horizon): Condition {
  return condition("mad", spec);
}

/** No result of a group that had some, for so long (by the time of reception). */
export function absent(spec: { readonly for: Duration }): Condition {
  return condition("absent", spec);
}

export interface AlertSpec {
  /** The window whose results are looked at, or its name. */
  readonly on: WindowDefinition | string;
  readonly when: Condition;
  /** Results that do not fulfil this count as harmless. */
  readonly where?: Expression<string, "row", unknown>;
  /** How long (event time) it has to hold before it fires. Default `"0s"`. */
  readonly for?: Duration;
  /** Groups whose next window passes without a result: `"resolve"` (default) or `"keep"`. */
  readonly missing?: "resolve" | "keep";
  /** At most so many notifications of firing in a time; what is left out is in the table. */
  readonly limit?: { readonly notifications: number; readonly per: Duration };
  /** Nobody is notified of what is older than this when it is seen. Default `"1d"`. */
  readonly staleAfter?: Duration;
  /**
   * Whom to tell: sinks without `from`, such as `slack({ url })`. They are named after the alert
   * and their kind, `spike_slack`. Sinks of the project with `from: <alert>` hear of it as well.
   */
  readonly to?: SinkDefinition | readonly SinkDefinition[];
}

export interface AlertDefinition extends Branded<"alert"> {
  /** As written; `plan/resolve-alert.ts` checks it. */
  readonly spec: unknown;
}

/**
 * Declares an alert. It is a relation too: one row for each time a group's state changed. Sinks
 * with `from: <alert>` get the rows that somebody should be notified of.
 */
export function alert(spec: AlertSpec): AlertDefinition {
  return Object.freeze({ [BRAND]: "alert" as const, spec });
}
