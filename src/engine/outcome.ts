/** What became of a request: the answer that its sender gets, now and on every retry. */

export interface RowError {
  readonly line: number;
  readonly column: number | null;
  readonly reason: string;
}

/** accepted + rejected + duplicates = received, always. */
export type Outcome =
  | {
      readonly kind: "applied";
      readonly position: number;
      readonly received: number;
      readonly accepted: number;
      readonly rejected: number;
      readonly duplicates: number;
      /** Accepted rows that came too late for at least one window. */
      readonly late: number;
      /** The first few, in order. */
      readonly errors: readonly RowError[];
      /** True where an earlier request with the same key had done the work. */
      readonly replayed: boolean;
    }
  /** Nothing of the body was stored. */
  | {
      readonly kind: "refused";
      readonly position: number;
      readonly received: number;
      readonly reason: string;
      readonly hint: string;
      readonly errors: readonly RowError[];
      readonly replayed: boolean;
    };

export const MAX_ERRORS_SHOWN = 10;
