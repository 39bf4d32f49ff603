/** Checks one alert and fills in its defaults. */
import { isBranded } from "../project/brand.ts";
import { ALERT_COLUMNS, type AlertBounds, type AlertCondition } from "./alert-plan.ts";
import { type AlertPlan } from "./alert-plan.ts";
import { type Expression } from "./expression.ts";
import { Fields } from "./fields.ts";
import { nameHint } from "./names.ts";
import { type ColumnPlan, type WindowPlan } from "./plan.ts";
import { type Problems, show } from "./problem.ts";
import { durationUs, isRecord } from "./resolve-dataset.ts";
import { asCondition, resolveColumn, resolveExpression } from "./resolve-expression.ts";

export interface AlertSources {
  readonly windows: readonly WindowPlan[];
  /** Names of all that were declared, also of those with problems. */
  readonly windowNames: readonly string[];
  readonly nameOf: (declared: unknown) => string | undefined;
}

const NUMBERS = ["int32", "int64", "float64", "decimal"];
const EXAMPLE = 'alert({ on: "per_minute", when: threshold({ of: "n", above: 100 }) })';
const MAX_DAY_SIZE_US = 86_400_000_000;

export function resolveAlert(
  name: string,
  value: unknown,
  sources: AlertSources,
  problems: Problems,
): AlertPlan | undefined {
  const spec = isBranded(value, "alert") ? (value as { spec?: unknown }).spec : undefined;
  if (!isRecord(spec)) return problems.add(show(value), "an alert", EXAMPLE);
  const fields = new Fields(spec, problems);
  const window = resolveWindowOf(fields, sources);
  const when = fields.raw("when");
  const where = fields.raw("where");
  const waiting = fields.raw("for");
  const settings = {
    forUs: durationUs(waiting.value ?? "0s", 0, waiting.problems) ?? 0,
    // Sessions of different groups end at different times: another one's end says nothing.
    missing: fields.choice(
      "missing",
      ["resolve", "keep"],
      window?.kind === "session" ? "keep" : "resolve",
    ),
    limit: resolveLimit(fields),
    staleAfterUs: fields.durationUs("staleAfter", "1d"),
  };
  // Whom it is told to is read by `alert-sinks.ts`.
  fields.raw("to");
  fields.end();
  if (window === undefined) return undefined;
  const scope = { columns: window.columns, broken: new Set<string>() };
  const condition = resolveCondition(when.value, window, when.problems);
  const filter =
    where.value === undefined ? undefined : resolveExpression(where.value, scope, where.problems);
  const checked = filter === undefined ? undefined : asCondition(filter, where.problems);
  if (condition === undefined) return undefined;
  const by = byColumns(window, problems);
  const columns = relationColumns(by);
  return { name, on: window.name, condition, where: checked ?? null, ...settings, by, columns };
}

function resolveWindowOf(fields: Fields, sources: AlertSources): WindowPlan | undefined {
  const { value, problems } = fields.raw("on");
  const name = typeof value === "string" ? value : sources.nameOf(value);
  const window = sources.windows.find((one) => one.name === name);
  // A window that is listed, but too broken to read: its own problems say enough.
  if (window !== undefined || sources.windowNames.includes(name ?? "")) return window;
  return problems.add(
    typeof value === "string" ? show(value) : "what the project does not list",
    "a window of this project",
    nameHint(value, sources.windowNames),
  );
}

function resolveLimit(fields: Fields): AlertPlan["limit"] {
  const { value, problems } = fields.raw("limit");
  if (value === undefined) return null;
  if (!isRecord(value)) {
    problems.add(show(value), "a limit", '{ notifications: 10, per: "1h" }');
    return null;
  }
  const own = new Fields(value, problems);
  const limit = {
    notifications: own.count("notifications", 10, { from: 1, to: 10_000 }),
    perUs: own.durationUs("per", "1h"),
  };
  own.end();
  return limit;
}

function resolveCondition(
  value: unknown,
  window: WindowPlan,
  problems: Problems,
): AlertCondition | undefined {
  const { kind, spec } = isBranded(value, "condition")
    ? (value as { kind?: string; spec?: unknown })
    : {};
  if (!isRecord(spec)) {
    return problems.add(show(value), "a condition", 'threshold({ of: "n", above: 100 })');
  }
  const fields = new Fields(spec, problems);
  const condition = conditionOf(kind ?? "", fields, window);
  fields.end();
  return condition;
}

function conditionOf(kind: string, fields: Fields, window: WindowPlan): AlertCondition | undefined {
  if (kind === "absent") return { kind, forUs: fields.durationUs("for", "5m") };
  const of = resolveMeasured(fields, window);
  const bounds = resolveBounds(fields);
  switch (kind) {
    case "threshold":
      return of && { kind, of, bounds };
    case "change": {
      const against = fields.choice("against", ["previous", "day", "week"], "previous");
      if (against !== "previous" || window.kind === "session")
        checkFixed(window, fields.raw("against").problems);
      return of && { kind, of, against, bounds };
    }
    case "zscore":
    case "mad": {
      const overUs = fields.durationUs("over", "1h");
      const minResults = fields.count("minResults", 5, { from: 2, to: 1_000_000 });
      return of && { kind, of, overUs, minResults, bounds };
    }
    default:
      return undefined;
  }
}

/**
 * A day of the calendar may have 23 hours: “the same window yesterday” is only clear without one.
 */
function checkFixed(window: WindowPlan, problems: Problems): void {
  // How often windows begin: then the same one began a day ago.
  const begins = "size" in window ? window.size : "every" in window ? window.every : null;
  if (begins?.kind === "fixed" && MAX_DAY_SIZE_US % begins.us === 0) return;
  problems.add(
    "sessions, a window of the calendar, or one that does not divide a day",
    "a window of a fixed length that divides a day",
    window.kind === "session" ? 'threshold({ of: "n", above: 100 })' : 'against: "previous"',
  );
}

function resolveMeasured(fields: Fields, window: WindowPlan): Expression | undefined {
  const { value, problems } = fields.raw("of");
  const scope = { columns: window.columns, broken: new Set<string>() };
  const expression =
    typeof value === "string"
      ? resolveColumn(value, scope, problems)
      : resolveExpression(value, scope, problems);
  if (expression === undefined || NUMBERS.includes(expression.type.kind)) return expression;
  return problems.add(expression.type.kind, "a number", 'of: "n"');
}

function resolveBounds(fields: Fields): AlertBounds {
  const number = (name: string): number | null => {
    const { value, problems } = fields.raw(name);
    if (value === undefined) return null;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    problems.add(show(value), "a number", `${name}: 100`);
    return null;
  };
  const bounds = { above: number("above"), below: number("below"), clear: number("clear") };
  const { above, below, clear } = bounds;
  const at = fields.raw("above").problems;
  if (above === null && below === null) at.add("no bound", "above or below", "above: 100");
  if (above !== null && below !== null && below > above)
    at.add("a bound below `below`", "below ≤ above", "exchange them");
  if (clear !== null && above !== null && below !== null)
    at.add("both bounds and clear", "one bound with clear", "declare two alerts");
  else if (
    clear !== null &&
    ((above !== null && clear > above) || (below !== null && clear < below))
  )
    fields.raw("clear").problems.add(show(clear), "a value on the harmless side", "clear: 80");
  return bounds;
}

function byColumns(window: WindowPlan, problems: Problems): readonly ColumnPlan[] {
  const names = new Set(window.by.map((one) => one.name));
  const own = new Set<string>(ALERT_COLUMNS);
  for (const name of names) {
    if (!own.has(name.toLowerCase())) continue;
    problems
      .at("on")
      .add(`the by-column ${show(name)}`, "another name: alerts have one of it", "rename it");
  }
  return window.columns
    .filter((column) => names.has(column.name))
    .map((column) => ({ ...column, nullable: true, default: undefined }));
}

function relationColumns(by: readonly ColumnPlan[]): readonly ColumnPlan[] {
  const column = (
    name: string,
    kind: "timestamp" | "text" | "float64" | "boolean",
  ): ColumnPlan => ({
    name,
    type: { kind },
    nullable: true,
  });
  return [
    { ...column("changed_at", "timestamp"), nullable: false },
    ...by,
    { ...column("state", "text"), nullable: false },
    column("value", "float64"),
    column("score", "float64"),
    column("since", "timestamp"),
    column("window_start", "timestamp"),
    { ...column("notify", "boolean"), nullable: false },
    column("suppressed", "text"),
  ];
}
