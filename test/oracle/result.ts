/** What windows come to. */
import { identities, type Row } from "./value.ts";
import { type OracleWindow } from "./window-of.ts";

export interface WindowResult extends OracleWindow {
  readonly by: Row;
  readonly measures: Row;
  /** 1, and one more for each late row that the result took in. */
  readonly revision: number;
}

/** A row that came too late for a window, or replaced a row of it too late. */
export interface LateRow extends OracleWindow {
  readonly window: string;
  readonly seq: number;
  readonly row: Row;
  /** Before the row came. */
  readonly watermarkUs: bigint;
  /** It counts after all. */
  readonly isReplayed?: boolean;
}

export function inOrder(results: readonly WindowResult[]): readonly WindowResult[] {
  const place = (one: WindowResult): string => identities(Object.values(one.by));
  return results.toSorted((a, b) => {
    if (a.startUs !== b.startUs) return a.startUs < b.startUs ? -1 : 1;
    return place(a) < place(b) ? -1 : 1;
  });
}
