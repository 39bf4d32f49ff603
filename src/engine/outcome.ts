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

/** What became of a body whose rows went to several datasets: the sum of what became of each. */
export function together(first: Outcome | undefined, second: Outcome): Outcome {
  if (first === undefined || first.kind === "refused") return second;
  if (second.kind === "refused") return first;
  return {
    kind: "applied",
    position: first.position,
    received: first.received + second.received,
    accepted: first.accepted + second.accepted,
    rejected: first.rejected + second.rejected,
    duplicates: first.duplicates + second.duplicates,
    late: first.late + second.late,
    errors: [...first.errors, ...second.errors]
      .sort((a, b) => a.line - b.line)
      .slice(0, MAX_ERRORS_SHOWN),
    replayed: first.replayed && second.replayed,
  };
}
