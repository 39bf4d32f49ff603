/** Windows over windows: at any time, what the results of the lower one come to. */
import { type TumblingPlan, type WindowPlan } from "../../src/plan/plan.ts";
import { aggregateRows } from "./aggregate.ts";
import { evaluate } from "./expression.ts";
import { inOrder, type WindowResult } from "./result.ts";
import { compare, identities, type Row, type StoredRow, type Value } from "./value.ts";
import { type OracleWindow, windowOf } from "./window-of.ts";

/** What a window has published, as far as one above it can see. */
export interface Lower {
  readonly plan: WindowPlan;
  readonly groups: readonly LowerGroup[];
  /** Later results begin here or after it; null: none is published yet. */
  readonly openFromUs: bigint | null;
}

export interface LowerGroup {
  readonly window: OracleWindow;
  readonly by: readonly Value[];
  readonly lateCount: number;
  /** Null: taken back. */
  readonly result: WindowResult | null;
}

export function resultsOver(plan: TumblingPlan, lower: Lower): Lower {
  const { openFromUs } = lower;
  const sorted = lower.groups.toSorted((a, b) => inPlace(a, b));
  const groups = new Map<
    string,
    { window: OracleWindow; by: readonly Value[]; parts: LowerGroup[] }
  >();
  for (const part of sorted) {
    const row = rowOf(lower.plan, part);
    if (plan.where !== null && evaluate(plan.where, row) !== true) continue;
    const window = windowOf(plan.size, plan.timezone, part.window.startUs);
    if (openFromUs === null || window.endUs > openFromUs) continue;
    const by = plan.by.map((one) => evaluate(one.expression, row));
    const key = `${window.startUs} ${identities(by)}`;
    const group = groups.get(key) ?? { window, by, parts: [] };
    group.parts.push(part);
    groups.set(key, group);
  }
  const published = [...groups.values()].map(({ window, by, parts }): LowerGroup => {
    const lateCount = parts.reduce((sum, one) => sum + one.lateCount, 0);
    const rows = parts.flatMap((part, seq): readonly StoredRow[] =>
      part.result === null
        ? []
        : [{ seq, row: rowOf(lower.plan, part), eventTimeUs: part.window.startUs }],
    );
    if (rows.length === 0) return { window, by, lateCount, result: null };
    const measures = plan.measures.map((one) => [one.name, aggregateRows(one.aggregate, rows)]);
    const result = {
      ...window,
      by: Object.fromEntries(plan.by.map((one, at) => [one.name, by[at] ?? null])),
      measures: Object.fromEntries(measures) as Row,
      revision: 1 + lateCount,
    };
    return { window, by, lateCount, result };
  });
  const ownOpen =
    openFromUs === null ? null : windowOf(plan.size, plan.timezone, openFromUs).startUs;
  return { plan, groups: published, openFromUs: ownOpen };
}

export function resultsOf(lower: Lower): readonly WindowResult[] {
  return inOrder(lower.groups.flatMap((one) => (one.result === null ? [] : [one.result])));
}

/** By start, then by group, as SQL sorts: nulls last. */
function inPlace(a: LowerGroup, b: LowerGroup): number {
  if (a.window.startUs !== b.window.startUs) return a.window.startUs < b.window.startUs ? -1 : 1;
  for (const [at, left] of a.by.entries()) {
    const right = b.by[at] ?? null;
    if (left === null || right === null) {
      if (left === right) continue;
      return left === null ? 1 : -1;
    }
    const order = compare(left, right);
    if (order !== 0) return order;
  }
  return 0;
}

/** A result as a row; one that was taken back has no measures. */
function rowOf({ by }: WindowPlan, { window, by: values, lateCount, result }: LowerGroup): Row {
  return {
    window_start: window.startUs,
    window_end: window.endUs,
    ...Object.fromEntries(by.map((one, at) => [one.name, values[at] ?? null])),
    ...result?.measures,
    revision: BigInt(1 + lateCount),
  };
}
