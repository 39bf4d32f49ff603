/** From what the user declared to what the machine runs: checked, defaulted, frozen. */
import { KurobeError } from "../core/errors.ts";
import { isBranded } from "../project/brand.ts";
import { alertSinks } from "./alert-sinks.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkMeasurements } from "./line-protocol.ts";
import { checkRelationName } from "./names.ts";
import { type Plan, type SinkPlan, type WindowPlan } from "./plan.ts";
import { type Problem, Problems, show } from "./problem.ts";
import { isRecord, resolveDataset } from "./resolve-dataset.ts";
import { resolveAlert } from "./resolve-alert.ts";
import { type Delivered, resolveSink } from "./resolve-sink.ts";
import { resolveSources } from "./resolve-source.ts";
import { resolveStreams } from "./resolve-stream.ts";
import { resolveWindow, type Sources } from "./resolve-window.ts";

const MAX_RELATIONS = 1000;
const KEYS = ["name", "datasets", "streams", "windows", "sources", "alerts", "sinks"];

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

type Relations = readonly (readonly [string, unknown])[];

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
  problems.unknownKeys(spec, KEYS);
  const name = resolveName(spec["name"], problems.at("name"));
  const declared = relations(spec["datasets"], problems.at("datasets"), true);
  const declaredStreams = relations(spec["streams"], problems.at("streams"), false);
  const declaredWindows = relations(spec["windows"], problems.at("windows"), false);
  const declaredAlerts = relations(spec["alerts"], problems.at("alerts"), false);
  const declaredAs = {
    datasets: declared,
    streams: declaredStreams,
    windows: declaredWindows,
    alerts: declaredAlerts,
  };
  checkNames(declaredAs, problems);
  const datasets = declared.flatMap(([key, value]) => {
    const dataset = resolveDataset(key, value, problems.at("datasets").at(key));
    return dataset === undefined ? [] : [dataset];
  });
  checkMeasurements(
    datasets.map((one) => one.plan),
    problems.at("datasets"),
  );
  const rows = [...declared, ...declaredStreams];
  const named = [...rows, ...declaredWindows, ...declaredAlerts];
  const nameOf = (value: unknown): string | undefined => named.find((one) => one[1] === value)?.[0];
  const streams = resolveStreams(declaredStreams, { datasets, nameOf }, problems.at("streams"));
  const readable = { datasets: [...datasets, ...streams], nameOf };
  const windows = resolveWindows(declaredWindows, readable, problems.at("windows"));
  const windowSources = { windows, windowNames: declaredWindows.map(([key]) => key), nameOf };
  const alerts = declaredAlerts.flatMap(([key, value]) => {
    const alert = resolveAlert(key, value, windowSources, problems.at("alerts").at(key));
    return alert === undefined ? [] : [alert];
  });
  const delivered = {
    names: named.map(([key]) => key),
    datasets: declared.map(([key]) => key),
    streams: declaredStreams.map(([key]) => key),
    nameOf,
  };
  const declaredSinks = relations(spec["sinks"], problems.at("sinks"), false);
  const sinks = resolveSinks(declaredSinks, declaredAlerts, delivered, problems);
  const content = {
    formatVersion: 1 as const,
    name,
    datasets: datasets.map((one) => one.plan).sort(byName),
    streams: streams.map((one) => one.plan).sort(byName),
    windows: [...windows].sort(byName),
    sinks: [...sinks].sort(byName),
    alerts: [...alerts].sort(byName),
  };
  const found = resolveSources(spec["sources"], content.datasets, nameOf, problems.at("sources"));
  const own = found.length === 0 ? {} : { sources: found };
  return { ...content, ...own, fingerprint: fingerprintOf(content) };
}

/** Those that are declared, and those that alerts bring with them. */
function resolveSinks(
  declared: Relations,
  alerts: Relations,
  delivered: Delivered,
  problems: Problems,
): readonly SinkPlan[] {
  const own = declared.map(([key, value]) => ({
    name: key,
    declared: value,
    problems: problems.at("sinks").at(key),
  }));
  const names = new Set(declared.map(([key]) => key));
  return [...own, ...alertSinks(alerts, names, problems.at("alerts"))].flatMap(
    (one) => resolveSink(one.name, one.declared, delivered, one.problems) ?? [],
  );
}

/** A window that others read is resolved before them, once. */
function resolveWindows(
  declared: Relations,
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

function relations(value: unknown, problems: Problems, isRequired: boolean): Relations {
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
 * Datasets, streams, windows and alerts are relations of one schema, and each declared value has
 * one name.
 */
function checkNames(declared: Readonly<Record<string, Relations>>, problems: Problems): void {
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
