/** From what the user declared to what the machine runs: checked, defaulted, frozen. */
import { KurobeError } from "../core/errors.ts";
import { isBranded } from "../project/brand.ts";
import { alertSinks } from "./alert-sinks.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkMeasurements } from "./line-protocol.ts";
import { checkRelationName } from "./names.ts";
import { type Plan, type WindowPlan } from "./plan.ts";
import { type Problem, Problems, show } from "./problem.ts";
import { isRecord, resolveDataset } from "./resolve-dataset.ts";
import { resolveAlert } from "./resolve-alert.ts";
import { resolveSink } from "./resolve-sink.ts";
import { resolveSources } from "./resolve-source.ts";
import { resolveWindow, type Sources } from "./resolve-window.ts";

const MAX_RELATIONS = 1000;

/**
 * Throws one `KRB_PROJECT_INVALID` with all mistakes in `details.problems`, each with its path,
 * what was found and expected there, and how to write it.
 */
export function resolveProject(definition: unknown): Plan {
  const problems = new Problems();
  const plan = resolve(definition, problems);
  if (plan === undefined || problems.list.length > 0) throw invalidProject(problems.list);
  return deepFreeze(plan);
}

function resolve(definition: unknown, problems: Problems): Plan | undefined {
  const spec = isBranded(definition, "project")
    ? (definition as { spec?: unknown }).spec
    : undefined;
  if (!isRecord(spec)) {
    return problems.add(
      show(definition),
      "a project",
      "defineProject({ name: …, datasets: { … } })",
    );
  }
  problems.unknownKeys(spec, ["name", "datasets", "windows", "sources", "alerts", "sinks"]);
  const name = resolveName(spec["name"], problems.at("name"));
  const declared = relations(spec["datasets"], problems.at("datasets"), true);
  const declaredWindows = relations(spec["windows"], problems.at("windows"), false);
  const declaredAlerts = relations(spec["alerts"], problems.at("alerts"), false);
  checkNames({ datasets: declared, windows: declaredWindows, alerts: declaredAlerts }, problems);
  const datasets = declared.flatMap(([key, value]) => {
    const dataset = resolveDataset(key, value, problems.at("datasets").at(key));
    return dataset === undefined ? [] : [dataset];
  });
  checkMeasurements(
    datasets.map((one) => one.plan),
    problems.at("datasets"),
  );
  const named = [...declared, ...declaredWindows, ...declaredAlerts];
  const nameOf = (value: unknown): string | undefined => named.find((one) => one[1] === value)?.[0];
  const windows = resolveWindows(declaredWindows, { datasets, nameOf }, problems.at("windows"));
  const windowSources = { windows, windowNames: declaredWindows.map(([key]) => key), nameOf };
  const alerts = declaredAlerts.flatMap(([key, value]) => {
    const alert = resolveAlert(key, value, windowSources, problems.at("alerts").at(key));
    return alert === undefined ? [] : [alert];
  });
  const delivered = {
    names: named.map(([key]) => key),
    datasets: declared.map(([key]) => key),
    nameOf,
  };
  const declaredSinks = relations(spec["sinks"], problems.at("sinks"), false);
  const sinks = [
    ...declaredSinks.map(([key, value]) => ({
      name: key,
      declared: value,
      problems: problems.at("sinks").at(key),
    })),
    ...alertSinks(
      declaredAlerts,
      new Set(declaredSinks.map(([key]) => key)),
      problems.at("alerts"),
    ),
  ].flatMap((one) => resolveSink(one.name, one.declared, delivered, one.problems) ?? []);
  const content = {
    formatVersion: 1 as const,
    name,
    datasets: datasets.map((one) => one.plan).sort(byName),
    windows: [...windows].sort(byName),
    sinks: [...sinks].sort(byName),
    alerts: [...alerts].sort(byName),
  };
  const found = resolveSources(spec["sources"], content.datasets, nameOf, problems.at("sources"));
  const own = found.length === 0 ? {} : { sources: found };
  return { ...content, ...own, fingerprint: fingerprintOf(content) };
}

/** A window that others read is resolved before them, once. */
function resolveWindows(
  declared: readonly (readonly [string, unknown])[],
  sources: Pick<Sources, "datasets" | "nameOf">,
  problems: Problems,
): readonly WindowPlan[] {
  const resolved = new Map<string, WindowPlan | "cycle" | undefined>();
  const windowNamed = (name: string): WindowPlan | "cycle" | undefined => {
    if (resolved.has(name)) return resolved.get(name);
    resolved.set(name, "cycle");
    const value = declared.find(([key]) => key === name)?.[1];
    const all = { ...sources, windowNames: declared.map(([key]) => key), windowNamed };
    const window = resolveWindow(name, value, all, problems.at(name));
    resolved.set(name, window);
    return window;
  };
  return declared.flatMap(([name]) => {
    const window = windowNamed(name);
    return window === undefined || window === "cycle" ? [] : [window];
  });
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function resolveName(value: unknown, problems: Problems): string {
  if (typeof value !== "string") problems.add(show(value), "the name of the project", '"market"');
  else checkRelationName(value, problems);
  return String(value);
}

function relations(
  value: unknown,
  problems: Problems,
  isRequired: boolean,
): readonly (readonly [string, unknown])[] {
  if (value === undefined && !isRequired) return [];
  if (!isRecord(value)) {
    problems.add(show(value), "an object of names and what they stand for", "{ ticks }");
    return [];
  }
  const entries = Object.entries(value);
  if (entries.length > MAX_RELATIONS) {
    problems.add(`${entries.length} of them`, `at most ${MAX_RELATIONS}`, "split the project");
    return [];
  }
  if (entries.length === 0 && isRequired)
    problems.add("nothing", "at least one dataset", "{ ticks }");
  return entries;
}

/**
 * Datasets, windows and alerts are relations of one schema, and each declared value has one name.
 */
function checkNames(
  declared: Readonly<Record<string, readonly (readonly [string, unknown])[]>>,
  problems: Problems,
): void {
  const names = new Set<string>();
  const values = new Map<unknown, string>();
  const all = Object.entries(declared).flatMap(([section, list]) =>
    list.map(([key, value]) => ({ key, value, at: problems.at(section).at(key) })),
  );
  for (const { key, value, at } of all) {
    checkRelationName(key, at);
    if (names.has(key)) at.add(`the name ${show(key)} again`, "a name of its own", `"${key}_2"`);
    names.add(key);
    const earlier = values.get(value);
    if (earlier !== undefined && typeof value === "object" && value !== null) {
      at.add(`what ${show(earlier)} is already`, "a value of its own", "declare it twice");
    }
    values.set(value, key);
  }
}

function invalidProject(problems: readonly Problem[]): KurobeError {
  const lines = problems.map(
    ({ path, found, expected, write }) =>
      `  ${path === "" ? "the project" : path}: found ${found}, expected ${expected} (${write})`,
  );
  const count = problems.length === 1 ? "1 mistake" : `${problems.length} mistakes`;
  return new KurobeError("KRB_PROJECT_INVALID", `${count} in the project:\n${lines.join("\n")}`, {
    details: { problems },
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
