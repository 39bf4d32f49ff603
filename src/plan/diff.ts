/**
 * What changes between two plans, and what it costs: nothing, new work, a recomputation, or data.
 */
import { columnChange } from "./column-change.ts";
import { canonicalJson } from "./fingerprint.ts";
import { diffStreams } from "./diff-streams.ts";
import { type DatasetPlan, type Plan, type WindowPlan } from "./plan.ts";

/**
 * `keep`: nothing stored is touched. `add`: something new begins. `rebuild`: results are computed
 * again from stored rows. `destructive`: something stored is lost. `impossible`: it cannot be
 * carried out on the rows that are stored.
 */
export interface Change {
  readonly kind: "keep" | "add" | "rebuild" | "destructive" | "impossible";
  /** `datasets.ticks`, `datasets.ticks.columns.venue`, `windows.bars`. */
  readonly subject: string;
  readonly reason: string;
}

export type Report = (kind: Change["kind"], subject: string, reason: string) => void;

/** Every dataset, stream and window is named at least once, the most serious changes first. */
export function diffPlans(before: Plan, after: Plan): readonly Change[] {
  const changes: Change[] = [];
  const report: Report = (kind, subject, reason) => changes.push({ kind, subject, reason });
  if (before.name !== after.name) {
    report("keep", "name", `the project is called ${after.name} instead of ${before.name}`);
  }
  const lost = diffStreams(before, after, diffDatasets(before, after, report), report);
  diffWindows(before, after, lost, report);
  diffNamed("alerts", before.alerts, after.alerts, report);
  diffNamed("sinks", before.sinks, after.sinks, report);
  diffNamed("sources", before.sources ?? [], after.sources ?? [], report);
  const weight = { impossible: 0, destructive: 1, rebuild: 2, add: 3, keep: 4 };
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
  const names = new Set([...before.columns, ...after.columns].map((column) => column.name));
  for (const name of names) {
    const named = (plan: DatasetPlan): DatasetPlan["columns"][number] | undefined =>
      plan.columns.find((column) => column.name === name);
    const change = columnChange(named(before), named(after));
    if (change !== undefined) report(change.kind, `columns.${name}`, change.reason);
  }
  if (before.eventTime !== after.eventTime) {
    report("impossible", "eventTime", "stored rows were placed by another column");
  }
  diffKey(before.key, after.key, report);
  if (canonicalJson(before.watermark) !== canonicalJson(after.watermark)) {
    report("keep", "watermark", "applies to rows that come in from now on");
  }
  if (canonicalJson([before.lineProtocol]) !== canonicalJson([after.lineProtocol])) {
    report("keep", "lineProtocol", "applies to points that come in from now on");
  }
  if (canonicalJson(before.dedup) !== canonicalJson(after.dedup)) {
    report("keep", "dedup", "applies to rows that come in from now on");
  }
}

/** Rows that the old key has replaced stay replaced, whatever comes after it. */
function diffKey(before: readonly string[], after: readonly string[], report: Report): void {
  if (canonicalJson(before) === canonicalJson(after)) return;
  const isFiner = before.length > 0 && before.every((name) => after.includes(name));
  if (after.length === 0 || isFiner) {
    report("keep", "key", "applies to rows that come in from now on");
  } else {
    report("destructive", "key", "of stored rows with one key only the newest is kept");
  }
}

function diffWindows(
  before: Plan,
  after: Plan,
  lostDatasets: ReadonlySet<string>,
  report: Report,
): void {
  const lost = new Set(lostDatasets);
  for (const window of upstreamFirst(before.windows)) {
    const next = after.windows.find((one) => one.name === window.name);
    const subject = `windows.${window.name}`;
    if (next === undefined) {
      report("destructive", subject, "it is gone from the project: its results are removed");
      lost.add(window.name);
    } else if (lost.has(next.from)) {
      report("rebuild", subject, `the rows of ${next.from} change`);
      lost.add(window.name);
    } else {
      diffWindow(window, next, subject, (kind, part, reason) => {
        report(kind, part, reason);
        if (kind === "rebuild") lost.add(window.name);
      });
    }
  }
  for (const { name, from } of after.windows) {
    const isNew = before.windows.every((one) => one.name !== name);
    if (isNew)
      report("add", `windows.${name}`, `a new window, computed from the stored rows of ${from}`);
  }
}

/** Windows over windows after those that they read. */
function upstreamFirst(windows: readonly WindowPlan[]): readonly WindowPlan[] {
  const depth = (window: WindowPlan): number => {
    const upstream = windows.find((one) => one.name === window.from);
    return upstream === undefined ? 0 : 1 + depth(upstream);
  };
  return windows.toSorted((a, b) => depth(a) - depth(b));
}

/** What only decides about rows that are still to come; everything else decides about results. */
const ARRIVAL_FIELDS: ReadonlySet<string> = new Set(["allowedLatenessUs", "late", "throttleUs"]);

function diffWindow(before: WindowPlan, after: WindowPlan, subject: string, report: Report): void {
  const old = new Map<string, unknown>(Object.entries(before));
  const fields = new Map<string, unknown>(Object.entries(after));
  const changed = [...new Set([...old.keys(), ...fields.keys()])].filter(
    (field) => canonicalJson(old.get(field) ?? null) !== canonicalJson(fields.get(field) ?? null),
  );
  const results = changed.filter((field) => !ARRIVAL_FIELDS.has(field));
  const arrivals = changed.filter((field) => ARRIVAL_FIELDS.has(field));
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

type Section = "alerts" | "sinks" | "sources";

const GONE: Readonly<Record<Section, string>> = {
  alerts: "it is gone from the project: its history is removed",
  sinks: "nothing is delivered to it any more; what waits for it is forgotten",
  sources: "nothing is read from it any more; its rows stay",
};
const ADDED: Readonly<Record<Section, string>> = {
  alerts: "a new alert, over results that come from now on",
  sinks: "a new sink",
  sources: "a new source, read from its beginning",
};
const CHANGED: Readonly<Record<Section, string>> = {
  alerts: "what is pending and firing begins anew with the next results",
  sinks: "applies to what is delivered from now on",
  sources: "applies to what is read from now on",
};

/** Nothing stored depends on them but the history of an alert, and how far a sink is. */
function diffNamed(
  section: Section,
  before: readonly { readonly name: string }[],
  after: readonly { readonly name: string }[],
  report: Report,
): void {
  for (const one of before) {
    const next = after.find(({ name }) => name === one.name);
    const subject = `${section}.${one.name}`;
    if (next === undefined)
      report(section === "alerts" ? "destructive" : "keep", subject, GONE[section]);
    else if (canonicalJson(one) !== canonicalJson(next)) report("keep", subject, CHANGED[section]);
    else report("keep", subject, "unchanged");
  }
  for (const one of after) {
    if (before.every(({ name }) => name !== one.name))
      report("add", `${section}.${one.name}`, addedText(section, one));
  }
}

function addedText(section: Section, one: object): string {
  if (section !== "sinks" || !("start" in one)) return ADDED[section];
  const what = one.start === "earliest" ? "all that is stored" : "what comes from now on";
  return `${ADDED.sinks}, which gets ${what}`;
}
