/** What a new plan means for stored tables: which stay, which go, which are computed again. */
import { type Change, diffPlans } from "../plan/diff.ts";
import { canonicalJson } from "../plan/fingerprint.ts";
import { type Plan } from "../plan/plan.ts";
import { deadLettersOf, lateRowsOf } from "./stored-tables.ts";

export interface PlanChange {
  /** Everything that changes, as `kurobe plan` shows it. */
  readonly changes: readonly Change[];
  /** Stored tables whose rows go. */
  readonly dropped: ReadonlySet<string>;
  /**
   * Datasets whose key changes: what the old key has replaced must go before, and afterwards any
   * day may hold two rows of one key.
   */
  readonly rekeyed: ReadonlySet<string>;
  /** In words: what cannot be undone. */
  readonly destructive: readonly string[];
  /** In words: what cannot be done at all. */
  readonly impossible: readonly string[];
}

export function planChange(before: Plan, after: Plan): PlanChange {
  const changes = diffPlans(before, after);
  const dropped = new Set<string>();
  const rekeyed = new Set<string>();
  for (const dataset of before.datasets) {
    const next = after.datasets.find((one) => one.name === dataset.name);
    if (next === undefined) {
      for (const name of [dataset.name, deadLettersOf(dataset.name), lateRowsOf(dataset.name)]) {
        dropped.add(name);
      }
    } else if (canonicalJson(dataset.key) !== canonicalJson(next.key)) {
      rekeyed.add(dataset.name);
    }
  }
  // What happened to groups of another kind has no place in the new relation.
  for (const { name, columns } of before.alerts) {
    const next = after.alerts.find((one) => one.name === name);
    if (canonicalJson(columns) !== canonicalJson(next?.columns ?? null)) dropped.add(name);
  }
  for (const { name } of before.streams) {
    const change = changes.find(({ subject }) => subject === `streams.${name}`);
    if (change?.kind !== "destructive" && change?.kind !== "rebuild") continue;
    dropped.add(name).add(lateRowsOf(name));
  }
  // Results that are computed again start from nothing: from the rows that are stored.
  for (const { name } of before.windows) {
    const change = changes.find(({ subject }) => subject === `windows.${name}`);
    if (change?.kind === "destructive" || change?.kind === "rebuild") dropped.add(name);
  }
  const inWords = (kind: Change["kind"]): readonly string[] =>
    changes
      .filter((one) => one.kind === kind)
      .map(({ subject, reason }) => `${subject}: ${reason}`);
  return {
    changes,
    dropped,
    rekeyed,
    destructive: inWords("destructive"),
    impossible: inWords("impossible"),
  };
}
