/** Checks one window and fills in its defaults. */
import { isBranded } from "../project/brand.ts";
import { PLAIN_TYPES } from "./column-type.ts";
import { type Expression } from "./expression.ts";
import { checkColumnName, checkNoTwins } from "./names.ts";
import { type ColumnPlan, type NamedAggregate } from "./plan.ts";
import {
  type HoppingPlan,
  type NamedExpression,
  type SessionPlan,
  type TumblingPlan,
  type WindowPlan,
} from "./plan.ts";
import { type Problems, show } from "./problem.ts";
import { durationUs, isRecord, type ResolvedDataset } from "./resolve-dataset.ts";
import { checkNesting, refuseTiming, resolveFrom } from "./resolve-from.ts";
import { resolveMeasure, type RowScope } from "./resolve-expression.ts";
import { resolveNamed, resolveWhere } from "./resolve-named.ts";
import { resolveHop, resolveSize, resolveTimezone } from "./resolve-size.ts";

const MAX_MEASURES = 200;
const MAX_BY = 32;
const OWN_COLUMNS = ["window_start", "window_end", "revision"];
const COMMON_KEYS = [
  "from",
  "by",
  "where",
  "measure",
  "allowedLateness",
  "late",
  "emit",
  "throttle",
];
/** What each kind of window is written with. */
const KINDS = {
  tumbling: {
    keys: ["from", "size", ...COMMON_KEYS.slice(1), "timezone"],
    example: 'tumbling({ from: …, size: "5m", measure: { … } })',
  },
  hopping: {
    keys: ["from", "size", "every", ...COMMON_KEYS.slice(1), "timezone"],
    example: 'hopping({ from: …, size: "1h", every: "5m", measure: { … } })',
  },
  session: {
    keys: ["from", "gap", ...COMMON_KEYS.slice(1)],
    example: 'session({ from: …, gap: "30m", by: ["user"], measure: { … } })',
  },
} as const;

type Kind = keyof typeof KINDS;

export const WINDOW_DEFAULTS = {
  timezone: "UTC",
  allowedLateness: "0s",
  late: "update",
  throttle: "1s",
} as const;
/** How often the engine looks whether anything is due. */
const MIN_THROTTLE_US = 250_000;

/** What a window may read: datasets and windows by name, and the declared values by identity. */
export interface Sources {
  readonly datasets: readonly ResolvedDataset[];
  readonly nameOf: (declared: unknown) => string | undefined;
  readonly windowNames: readonly string[];
  /** Undefined where it has problems of its own. */
  readonly windowNamed: (name: string) => WindowPlan | "cycle" | undefined;
}

export function resolveWindow(
  name: string,
  value: unknown,
  sources: Sources,
  problems: Problems,
): WindowPlan | undefined {
  const declared = isBranded(value, "window") ? (value as { spec?: unknown; kind?: unknown }) : {};
  const { spec } = declared;
  const kind = Object.keys(KINDS).find((one) => one === declared.kind) as Kind | undefined;
  if (!isRecord(spec) || kind === undefined) {
    return problems.add(show(value), "a window", KINDS.tumbling.example);
  }
  problems.unknownKeys(spec, KINDS[kind].keys);
  const from = resolveFrom(spec["from"], kind, sources, problems.at("from"));
  if (from?.upstream !== undefined) refuseTiming(from.upstream, spec, problems);
  const shape = resolveShape(kind, spec, problems);
  if (from?.upstream !== undefined && shape?.kind === "tumbling") {
    checkNesting(from.upstream, shape, problems.at("size"));
  }
  if (kind === "session" && (from?.plan.key.length ?? 0) > 0) {
    problems
      .at("from")
      .add(
        "a dataset with a key",
        "one whose rows stay: replacing a row would tear sessions apart",
        "leave the key out, or take dedup",
      );
  }
  const lateness = spec["allowedLateness"] ?? WINDOW_DEFAULTS.allowedLateness;
  const allowedLatenessUs = durationUs(lateness, 0, problems.at("allowedLateness"));
  const late = resolveLate(spec["late"], problems.at("late"));
  const emit = resolveEmit(spec, problems);
  if (from === undefined) return undefined;
  const scope = { columns: from.plan.columns, broken: from.broken };
  const groups = { columns: from.groupColumns, broken: from.broken };
  const by = resolveBy(spec["by"], groups, problems.at("by"));
  const where = resolveWhere(spec["where"], groups, problems.at("where"));
  const measures = resolveMeasures(spec["measure"], scope, problems.at("measure"));
  checkResultNames(by, measures, problems);
  if (shape === undefined) return undefined;
  return {
    ...shape,
    name,
    from: from.plan.name,
    by,
    where: where ?? null,
    measures,
    allowedLatenessUs: allowedLatenessUs ?? 0,
    late,
    ...emit,
    columns: resultColumns(by, measures, from.plan.columns),
  };
}

/** What tells one kind of window from the others. */
type Shape =
  | Pick<TumblingPlan, "kind" | "size" | "timezone">
  | Pick<HoppingPlan, "kind" | "every" | "panes" | "timezone">
  | Pick<SessionPlan, "kind" | "gapUs">;

function resolveShape(
  kind: Kind,
  spec: Readonly<Record<string, unknown>>,
  problems: Problems,
): Shape | undefined {
  if (kind === "session") {
    const gapUs = durationUs(spec["gap"], 1, problems.at("gap"));
    return gapUs === undefined ? undefined : { kind, gapUs };
  }
  const size = resolveSize(spec["size"], problems.at("size"));
  if (kind === "tumbling") {
    const timezone = resolveTimezone(spec["timezone"], size, problems.at("timezone"));
    return size && { kind, size, timezone };
  }
  const every = resolveSize(spec["every"], problems.at("every"));
  const timezone = resolveTimezone(spec["timezone"], every, problems.at("timezone"));
  if (size === undefined || every === undefined) return undefined;
  const panes = resolveHop(size, every, timezone, problems);
  return panes === undefined ? undefined : { kind, every, panes, timezone };
}

function resolveLate(value: unknown, problems: Problems): WindowPlan["late"] {
  if (value === undefined || value === "update" || value === "side") {
    return value ?? WINDOW_DEFAULTS.late;
  }
  problems.add(show(value), '"update" or "side"', 'late: "update"');
  return WINDOW_DEFAULTS.late;
}

function resolveEmit(
  spec: Readonly<Record<string, unknown>>,
  problems: Problems,
): Pick<WindowPlan, "emit" | "throttleUs"> {
  const { emit = "close", throttle } = spec;
  if (emit !== "close" && emit !== "update") {
    problems.at("emit").add(show(emit), '"close" or "update"', 'emit: "update"');
  } else if (emit === "close") {
    if (throttle === undefined) return {};
    const hint = 'add emit: "update"';
    problems.at("throttle").add(show(throttle), "nothing: there are no early results", hint);
  }
  const given = throttle ?? WINDOW_DEFAULTS.throttle;
  const throttleUs = durationUs(given, MIN_THROTTLE_US, problems.at("throttle"));
  return { emit: "update", throttleUs: throttleUs ?? MIN_THROTTLE_US };
}

function resolveBy(
  value: unknown,
  scope: RowScope,
  problems: Problems,
): readonly NamedExpression[] {
  if (value === undefined) return [];
  const isAllowed = ({ type }: Expression, at: Problems): boolean => {
    if (type.kind !== "json") return true;
    at.add("json", "a type that can be compared", "store the value in a column of its own");
    return false;
  };
  return resolveNamed(value, scope, problems, { most: MAX_BY, example: '["symbol"]', isAllowed });
}

function resolveMeasures(
  value: unknown,
  scope: RowScope,
  problems: Problems,
): readonly NamedAggregate[] {
  if (!isRecord(value) || Object.keys(value).length === 0) {
    problems.add(show(value), "at least one measure", '{ n: count(), total: sum("qty") }');
    return [];
  }
  const entries = Object.entries(value);
  if (entries.length > MAX_MEASURES) {
    problems.add(`${entries.length} measures`, `at most ${MAX_MEASURES}`, "split the window");
    return [];
  }
  return entries.flatMap(([name, written]) => {
    const at = problems.at(name);
    const isName = checkColumnName(name, at);
    const aggregate = resolveMeasure(written, scope, at);
    return isName && aggregate !== undefined ? [{ name, type: aggregate.type, aggregate }] : [];
  });
}

function checkResultNames(
  by: readonly NamedExpression[],
  measures: readonly NamedAggregate[],
  problems: Problems,
): void {
  const places = [
    ...by.map((one) => ({ name: one.name, at: problems.at("by").at(one.name) })),
    ...measures.map((one) => ({ name: one.name, at: problems.at("measure").at(one.name) })),
  ];
  for (const { name, at } of places) {
    if (!OWN_COLUMNS.includes(name.toLowerCase())) continue;
    at.add(
      `the name ${show(name)}`,
      `another one: every result has ${OWN_COLUMNS.join(", ")}`,
      "rename it",
    );
  }
  checkNoTwins(
    places.map((one) => one.name),
    problems,
  );
}

function resultColumns(
  by: readonly NamedExpression[],
  measures: readonly NamedAggregate[],
  columns: readonly ColumnPlan[],
): readonly ColumnPlan[] {
  const { timestamp, int64 } = PLAIN_TYPES;
  return [
    { name: "window_start", type: timestamp, nullable: false },
    { name: "window_end", type: timestamp, nullable: false },
    ...by.map(({ name, type, expression }) => ({
      name,
      type,
      nullable: expression.kind !== "column" || isNullable(expression.name, columns),
    })),
    ...measures.map(({ name, type, aggregate }) => ({
      name,
      type,
      nullable: !(aggregate.kind === "aggregate" && /count/i.test(aggregate.function)),
    })),
    { name: "revision", type: int64, nullable: false },
  ];
}

function isNullable(name: string, columns: readonly ColumnPlan[]): boolean {
  return columns.find((column) => column.name === name)?.nullable ?? true;
}
