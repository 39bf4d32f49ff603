/**
 * What changes between two plans, and what it costs: nothing, new work, a recomputation, or data.
 */
import { commonType, isSameType, typeName } from "./column-type.ts";
import { canonicalJson } from "./fingerprint.ts";
import { type ColumnPlan, type DatasetPlan, type Plan, type WindowPlan } from "./plan.ts";

/**
 * `keep`: nothing stored is touched. `add`: something new begins. `rebuild`: results are computed
 * again from stored rows. `destructive`: something stored is lost or no longer readable.
 */
export interface Change {
  readonly kind: "keep" | "add" | "rebuild" | "destructive";
  /** `datasets.ticks`, `datasets.ticks.columns.venue`, `windows.bars`. */
  readonly subject: string;
  readonly reason: string;
}

type Report = (kind: Change["kind"], subject: string, reason: string) => void;

/** Every dataset and window is named at least once, the most serious changes first. */
export function diffPlans(before: Plan, after: Plan): readonly Change[] {
  const changes: Change[] = [];
  const report: Report = (kind, subject, reason) => changes.push({ kind, subject, reason });
  if (before.name !== after.name) {
    report("keep", "name", `the project is called ${after.name} instead of ${before.name}`);
  }
  const lost = diffDatasets(before, after, report);
  diffWindows(before, after, lost, report);
  const weight = { destructive: 0, rebuild: 1, add: 2, keep: 3 };
  return changes.sort(
    (a, b) => weight[a.kind] - weight[b.kind] || (a.subject < b.subject ? -1 : 1),
  );
}

/** Gives the names of the datasets whose rows do not survive. */
function diffDatasets(before: Plan, after: Plan, report: Report): ReadonlySet<string> {
  const lost = new Set<string>();
  for (const dataset of before.datasets) {
    const next = after.datasets.find((one) => one.name === dataset.name);
    const subject = `datasets.${dataset.name}`;
    if (next === undefined) {
      lost.add(dataset.name);
      report("destructive", subject, "it is gone from the project: its rows are removed");
      continue;
    }
    const own: Change["kind"][] = [];
    diffDataset(dataset, next, (kind, part, reason) => {
      own.push(kind);
      report(kind, `${subject}.${part}`, reason);
    });
    if (own.includes("destructive")) lost.add(dataset.name);
    if (own.length === 0) report("keep", subject, "unchanged");
  }
  for (const { name } of after.datasets) {
    const isNew = before.datasets.every((one) => one.name !== name);
    if (isNew) report("add", `datasets.${name}`, "a new dataset");
  }
  return lost;
}

function diffDataset(before: DatasetPlan, after: DatasetPlan, report: Report): void {
  for (const column of before.columns) {
    const next = after.columns.find((one) => one.name === column.name);
    const subject = `columns.${column.name}`;
    if (next === undefined) report("destructive", subject, "it is removed with its values");
    else diffColumn(column, next, subject, report);
  }
  for (const column of after.columns) {
    if (before.columns.some((one) => one.name === column.name)) continue;
    const subject = `columns.${column.name}`;
    if (column.default !== undefined) report("add", subject, "stored rows take its default");
    else if (column.nullable) report("add", subject, "stored rows have null there");
    else
      report(
        "destructive",
        subject,
        "stored rows have no value for it: make it nullable, or give a default",
      );
  }
  if (before.eventTime !== after.eventTime) {
    report("destructive", "eventTime", "stored rows were placed by another column");
  }
  if (canonicalJson(before.key) !== canonicalJson(after.key)) {
    report("destructive", "key", "stored rows were replaced by another key");
  }
  if (canonicalJson(before.watermark) !== canonicalJson(after.watermark)) {
    report("keep", "watermark", "applies to rows that come in from now on");
  }
  if (canonicalJson(before.dedup) !== canonicalJson(after.dedup)) {
    report("keep", "dedup", "applies to rows that come in from now on");
  }
}

function diffColumn(before: ColumnPlan, after: ColumnPlan, subject: string, report: Report): void {
  if (!isSameType(before.type, after.type)) {
    const types = `${typeName(before.type)} becomes ${typeName(after.type)}`;
    const common = commonType(before.type, after.type);
    const isWider = common !== undefined && isSameType(common, after.type);
    const advice = isWider ? "write it to a new column instead" : "stored values may not fit";
    report("destructive", subject, `${types}: ${advice}`);
    return;
  }
  if (before.nullable && !after.nullable && after.default === undefined) {
    report(
      "destructive",
      subject,
      "stored rows may have null there: keep it nullable, or give a default",
    );
    return;
  }
  if (canonicalJson(before) !== canonicalJson(after)) {
    report("keep", subject, "applies to rows that come in from now on");
  }
}

function diffWindows(before: Plan, after: Plan, lost: ReadonlySet<string>, report: Report): void {
  for (const window of before.windows) {
    const next = after.windows.find((one) => one.name === window.name);
    const subject = `windows.${window.name}`;
    if (next === undefined) {
      report("destructive", subject, "it is gone from the project: its results are removed");
    } else if (lost.has(next.from)) {
      report("rebuild", subject, `the rows of ${next.from} change`);
    } else {
      diffWindow(window, next, subject, report);
    }
  }
  for (const { name, from } of after.windows) {
    const isNew = before.windows.every((one) => one.name !== name);
    if (isNew)
      report("add", `windows.${name}`, `a new window, computed from the stored rows of ${from}`);
  }
}

/** What decides about results, and what only decides about rows that are still to come. */
const RESULT_FIELDS = [
  "from",
  "kind",
  "size",
  "every",
  "panes",
  "timezone",
  "by",
  "where",
  "measures",
] as const;
const ARRIVAL_FIELDS = ["allowedLatenessUs", "late"] as const;
type WindowField = (typeof RESULT_FIELDS)[number] | (typeof ARRIVAL_FIELDS)[number];

function diffWindow(before: WindowPlan, after: WindowPlan, subject: string, report: Report): void {
  const fieldOf = (window: WindowPlan, field: WindowField): unknown =>
    (window as Readonly<Partial<Record<WindowField, unknown>>>)[field] ?? null;
  const changed = (field: WindowField): boolean =>
    canonicalJson(fieldOf(before, field)) !== canonicalJson(fieldOf(after, field));
  const results = RESULT_FIELDS.filter(changed);
  const arrivals = ARRIVAL_FIELDS.filter(changed);
  if (results.length > 0) {
    report("rebuild", subject, `${results.join(", ")} changed: all results are computed again`);
  } else if (arrivals.length > 0) {
    report(
      "keep",
      subject,
      `${arrivals.join(", ")} changed: applies to rows that come in from now on`,
    );
  } else {
    report("keep", subject, "unchanged");
  }
}
