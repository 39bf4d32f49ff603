/** Which measurements of line protocol become rows of which dataset. */
import { type LineProtocolPlan, type Plan } from "./plan.ts";
import { nameHint } from "./names.ts";
import { didYouMean, type Problems, show } from "./problem.ts";
import { type ColumnPlan } from "./plan.ts";

/**
 * The dataset that a log entry of line protocol names: no dataset of the project, because such a
 * body may hold points of several. What finds no dataset lies in its dead letters.
 */
export const LINE_PROTOCOL = "line_protocol";

const KEYS = ["measurements", "rename", "measurementColumn", "rest"] as const;

/** Undefined: the measurement of the dataset's name. Null: none. */
export function resolveLineProtocol(
  value: unknown,
  columns: readonly ColumnPlan[],
  eventTime: string,
  problems: Problems,
): LineProtocolPlan | null | undefined {
  if (value === undefined) return undefined;
  if (value === false) return null;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return problems.add(show(value), "an object, or false", '{ measurements: ["cpu"] }');
  }
  problems.unknownKeys(value, KEYS);
  const spec = value as Readonly<Record<string, unknown>>;
  const own = columns.filter((column) => column.name !== eventTime);
  const column = (key: "measurementColumn" | "rest", kind: "text" | "json"): string | undefined => {
    const name = spec[key];
    if (name === undefined) return undefined;
    const found = own.find((one) => one.name === name);
    if (found?.type.kind === kind) return found.name;
    const fitting = own.filter((one) => one.type.kind === kind).map((one) => one.name);
    return problems
      .at(key)
      .add(show(name), `the name of a ${kind} column`, nameHint(name, fitting));
  };
  return {
    measurements: resolveMeasurements(spec["measurements"], problems.at("measurements")),
    rename: resolveRename(spec["rename"], own, problems.at("rename")),
    measurementColumn: column("measurementColumn", "text"),
    rest: column("rest", "json"),
  };
}

function resolveMeasurements(value: unknown, problems: Problems): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const isList = Array.isArray(value) && value.length > 0;
  if (isList && value.every((one) => typeof one === "string" && one !== "")) {
    return [...new Set(value as string[])].sort();
  }
  return problems.add(show(value), "a list of measurements", '["cpu", "cpu-total"]');
}

function resolveRename(
  value: unknown,
  columns: readonly ColumnPlan[],
  problems: Problems,
): Readonly<Record<string, string>> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return problems.add(show(value), "an object", '{ "usage-idle": "usage_idle" }');
  }
  const names = columns.map((column) => column.name);
  for (const [from, to] of Object.entries(value)) {
    if (typeof to === "string" && names.includes(to)) continue;
    const hint = typeof to === "string" ? didYouMean(to, names) : '"usage_idle"';
    problems.at(from).add(show(to), "the name of a column besides the event time", hint);
  }
  return value as Readonly<Record<string, string>>;
}

/** By measurement, in the order of the plan's datasets. */
export function measurementsOf(plan: Plan): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name, lineProtocol } of plan.datasets) {
    if (lineProtocol === null) continue;
    for (const one of lineProtocol?.measurements ?? [name])
      if (!found.has(one)) found.set(one, name);
  }
  return found;
}

/** Reports measurements that two datasets claim. */
export function checkMeasurements(datasets: Plan["datasets"], problems: Problems): void {
  const owners = new Map<string, string>();
  for (const { name, lineProtocol } of datasets) {
    if (lineProtocol === null) continue;
    for (const one of lineProtocol?.measurements ?? [name]) {
      const earlier = owners.get(one);
      if (earlier === undefined) {
        owners.set(one, name);
        continue;
      }
      const at = problems.at(name).at("lineProtocol");
      const claim = `the measurement ${show(one)}, which is a row of ${earlier}`;
      at.add(claim, "measurements of its own", "lineProtocol: false where it takes none");
    }
  }
}
