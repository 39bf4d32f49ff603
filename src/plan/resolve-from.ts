/** What a window reads: the rows of a dataset or a stream, or the results of another window. */
import { isBranded } from "../project/brand.ts";
import { nameHint } from "./names.ts";
import { type Grid, nests } from "./nesting.ts";
import { type ColumnPlan, type DatasetPlan, type GridPlan, type WindowPlan } from "./plan.ts";
import { type Problems, show } from "./problem.ts";
import { gridOf, sizeText } from "./window-size.ts";
import { resultsAsDataset } from "./result-dataset.ts";
import { type Sources } from "./resolve-window.ts";

export interface Source {
  readonly plan: DatasetPlan;
  readonly broken: ReadonlySet<string>;
  /** What `by` and `where` may name: a result keeps these through all its corrections. */
  readonly groupColumns: readonly ColumnPlan[];
  readonly upstream?: GridPlan;
}

export function resolveFrom(
  value: unknown,
  kind: WindowPlan["kind"],
  sources: Sources,
  problems: Problems,
): Source | undefined {
  const names = sources.datasets.map((one) => one.plan.name);
  const name = typeof value === "string" ? value : sources.nameOf(value);
  const dataset = sources.datasets.find((one) => one.plan.name === name);
  if (dataset !== undefined) return { ...dataset, groupColumns: dataset.plan.columns };
  if (name !== undefined && sources.windowNames.includes(name)) {
    return resolveUpstream(name, kind, sources, problems);
  }
  const what = RELATIONS.find((kind) => isBranded(value, kind));
  // One that is listed, but too broken to read: its own problems say enough.
  if (name !== undefined && what !== undefined) return undefined;
  const readable = [...names, ...sources.windowNames];
  return refuseUnlisted(value, "a dataset, a stream or a window", readable, problems);
}

const RELATIONS = ["dataset", "stream", "window"] as const;

/** What is named is no relation, or one that the project does not list. */
export function refuseUnlisted(
  value: unknown,
  expected: string,
  names: readonly string[],
  problems: Problems,
): undefined {
  const what = RELATIONS.find((kind) => isBranded(value, kind));
  return problems.add(
    what === undefined ? show(value) : `a ${what} that the project does not list`,
    what === undefined ? `${expected} of this project` : `a ${what} of this project`,
    what === undefined ? nameHint(value, names) : `add it to \`${what}s\` of defineProject`,
  );
}

function resolveUpstream(
  name: string,
  kind: WindowPlan["kind"],
  sources: Sources,
  problems: Problems,
): Source | undefined {
  const upstream = sources.windowNamed(name);
  if (upstream === undefined) return undefined;
  if (upstream === "cycle") {
    return problems.add(
      show(name),
      "a window that does not read this one itself",
      nameHint(
        "",
        sources.datasets.map((one) => one.plan.name),
      ),
    );
  }
  if (upstream.kind === "session") {
    return problems.add(
      "a session window",
      "a tumbling or hopping one: sessions change their start and end",
      nameHint("", [upstream.from]),
    );
  }
  if (kind !== "tumbling") {
    return problems.add(
      `a ${kind} window over a window`,
      "a tumbling one, or a dataset here",
      `tumbling({ from: ${name}, … })`,
    );
  }
  const fixed = ["window_start", "window_end", ...upstream.by.map((one) => one.name)];
  return {
    plan: resultsAsDataset(upstream),
    broken: new Set(),
    groupColumns: upstream.columns.filter((column) => fixed.includes(column.name)),
    upstream,
  };
}

/** Each result has to lie in one window. */
export function checkNesting(upstream: GridPlan, outer: Grid, problems: Problems): void {
  const inner = { size: gridOf(upstream), timezone: upstream.timezone };
  if (nests(inner, outer)) return;
  const unit = sizeText(inner.size);
  const zone = (one: Grid): string =>
    one.size.kind === "calendar" && one.timezone !== "UTC" ? ` in ${one.timezone}` : "";
  problems.add(
    `${sizeText(outer.size)}${zone(outer)} over windows of ${unit}${zone(inner)}`,
    `a size that begins and ends with windows of ${upstream.name}`,
    `a multiple of ${unit}${zone(inner)}, or shorter windows in ${upstream.name}`,
  );
}

/**
 * Late rows are dealt with where they come in; what they correct is followed, always. Early results
 * are not.
 */
export function refuseTiming(
  upstream: WindowPlan,
  spec: Readonly<Record<string, unknown>>,
  problems: Problems,
): void {
  if (spec["emit"] === "update") {
    problems
      .at("emit")
      .add(
        '"update"',
        `"close": what ${upstream.name} has published early is not followed`,
        `emit: "update" in ${upstream.name}`,
      );
  }
  for (const key of ["allowedLateness", "late"]) {
    if (spec[key] === undefined) continue;
    problems
      .at(key)
      .add(
        show(spec[key]),
        `nothing: every correction of ${upstream.name} is followed`,
        `set it on ${upstream.name}`,
      );
  }
}
