/** Alerts as the machine runs them: checked, defaulted, plain JSON. */
import { type Expression } from "./expression.ts";
import { type ColumnPlan } from "./plan.ts";

export interface AlertBounds {
  readonly above: number | null;
  readonly below: number | null;
  readonly clear: number | null;
}

export type AlertCondition =
  | { readonly kind: "threshold"; readonly of: Expression; readonly bounds: AlertBounds }
  | {
      readonly kind: "change";
      readonly of: Expression;
      readonly against: "previous" | "day" | "week";
      readonly bounds: AlertBounds;
    }
  | {
      readonly kind: "zscore" | "mad";
      readonly of: Expression;
      readonly overUs: number;
      readonly minResults: number;
      readonly bounds: AlertBounds;
    }
  | { readonly kind: "absent"; readonly forUs: number };

export interface AlertPlan {
  readonly name: string;
  /** The window. */
  readonly on: string;
  readonly condition: AlertCondition;
  readonly where: Expression | null;
  readonly forUs: number;
  readonly missing: "resolve" | "keep";
  readonly limit: { readonly notifications: number; readonly perUs: number } | null;
  readonly staleAfterUs: number;
  /** The window's by-columns: one state for each combination. */
  readonly by: readonly ColumnPlan[];
  /**
   * Of its relation: changed_at, the by-columns, state, value, score, since, window_start, notify,
   * …
   */
  readonly columns: readonly ColumnPlan[];
}

/** Columns that every alert's relation has around the by-columns. */
export const ALERT_COLUMNS = [
  "changed_at",
  "state",
  "value",
  "score",
  "since",
  "window_start",
  "notify",
  "suppressed",
] as const;
