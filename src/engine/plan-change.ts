/** What a new plan means for stored tables: which stay, which go, which are computed again. */
import { type DatasetPlan, type Plan } from "../plan/plan.ts";
import { deadLettersOf, lateRowsOf } from "./stored-tables.ts";

export interface PlanChange {
  /** Stored tables whose rows go. */
  readonly dropped: ReadonlySet<string>;
  /** Windows whose results are computed again from stored rows. */
  readonly rebuilt: ReadonlySet<string>;
  /** Datasets whose key changed, so that any day may hold two rows of one key. */
  readonly rekeyed: ReadonlySet<string>;
  /** In words: what cannot be undone. */
  readonly destructive: readonly string[];
  /** In words: what cannot be done at all. */
  readonly impossible: readonly string[];
}

export function planChange(before: Plan, after: Plan): PlanChange {
  const dropped = new Set<string>();
  const rebuilt = new Set<string>();
  const rekeyed = new Set<string>();
  const destructive: string[] = [];
  const impossible: string[] = [];
  for (const dataset of before.datasets) {
    const next = after.datasets.find((one) => one.name === dataset.name);
    if (next === undefined) {
      destructive.push(`dataset ${dataset.name} and all its rows are removed`);
      for (const name of [dataset.name, deadLettersOf(dataset.name), lateRowsOf(dataset.name)]) {
        dropped.add(name);
      }
      continue;
    }
    destructive.push(...lostColumns(dataset, next));
    impossible.push(...impossibleColumns(dataset, next));
    if (!isSame(dataset.key, next.key)) rekeyed.add(dataset.name);
  }
  for (const window of before.windows) {
    const next = after.windows.find((one) => one.name === window.name);
    const from = (plan: Plan): DatasetPlan | undefined =>
      plan.datasets.find((one) => one.name === window.from);
    if (next === undefined) {
      destructive.push(`window ${window.name} and its results are removed`);
      dropped.add(window.name);
    } else if (!isSame(window, next) || !isSame(from(before)?.key, from(after)?.key)) {
      dropped.add(window.name);
      rebuilt.add(window.name);
    }
  }
  return { dropped, rebuilt, rekeyed, destructive, impossible };
}

function lostColumns(before: DatasetPlan, after: DatasetPlan): readonly string[] {
  return before.columns.flatMap((column) => {
    const next = after.columns.find((one) => one.name === column.name);
    const name = `${before.name}.${column.name}`;
    if (next === undefined) return [`column ${name} is removed`];
    if (!isSame(column.type, next.type)) {
      return [`column ${name} changes its type: values that do not fit become null`];
    }
    return [];
  });
}

function impossibleColumns(before: DatasetPlan, after: DatasetPlan): readonly string[] {
  const reasons = after.columns.flatMap((column) => {
    const isNew = !before.columns.some((one) => one.name === column.name);
    if (!isNew || column.nullable || column.default !== undefined) return [];
    return [`new column ${after.name}.${column.name} must be nullable or have a default`];
  });
  if (before.eventTime === after.eventTime) return reasons;
  return [...reasons, `the event time of ${after.name} cannot change: declare a new dataset`];
}

/** Plans are plain JSON in a fixed order of keys. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
