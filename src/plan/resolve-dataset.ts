/** Checks one dataset and fills in its defaults. */
import { DURATION_EXAMPLES, parseDuration } from "../core/duration.ts";
import { isBranded } from "../project/brand.ts";
import { type ColumnSpec } from "../project/column.ts";
import { constantExample, exactConstant } from "./constant.ts";
import { isDecimalShape, PLAIN_TYPES } from "./column-type.ts";
import { resolveLineProtocol } from "./line-protocol.ts";
import { checkColumnName, checkNoTwins, nameHint } from "./names.ts";
import { type ColumnPlan, type ColumnType, type DatasetPlan } from "./plan.ts";
import { type DedupPlan, type WatermarkPlan } from "./plan.ts";
import { type Problems, show } from "./problem.ts";
import { zoneProblem } from "./zone.ts";

const MAX_COLUMNS = 1000;
const UNITS = ["s", "ms", "us", "ns"] as const;

export const DATASET_DEFAULTS = {
  outOfOrderness: "0s",
  idleTimeout: "1m",
  maxFutureSkew: "10m",
  dedupWithin: "60m",
} as const;

export interface ResolvedDataset {
  readonly plan: DatasetPlan;
  /** Names of columns that were declared, but had problems. */
  readonly broken: ReadonlySet<string>;
}

/** Undefined only where there is no dataset to speak of; problems are reported either way. */
export function resolveDataset(
  name: string,
  value: unknown,
  problems: Problems,
): ResolvedDataset | undefined {
  const spec = isBranded(value, "dataset") ? (value as { spec?: unknown }).spec : undefined;
  if (!isRecord(spec)) {
    return problems.add(show(value), "a dataset", "dataset({ columns: { … }, eventTime: … })");
  }
  problems.unknownKeys(spec, ["columns", "eventTime", "key", "watermark", "dedup", "lineProtocol"]);
  const columns = resolveColumns(spec["columns"], problems.at("columns"));
  const eventTime = resolveEventTime(spec["eventTime"], columns, problems.at("eventTime"));
  const key = resolveNames(spec["key"], columns, problems.at("key"));
  const watermark = resolveWatermark(spec["watermark"], problems.at("watermark"));
  const dedup = resolveDedup(spec["dedup"], columns, problems.at("dedup"));
  if (dedup !== null && (key ?? []).length > 0) {
    problems
      .at("dedup")
      .add(
        "a key as well",
        "a key or dedup: a key lets the newest row win, dedup the first",
        "leave dedup out",
      );
  }
  const lineProtocol = resolveLineProtocol(
    spec["lineProtocol"],
    columns,
    eventTime,
    problems.at("lineProtocol"),
  );
  const declared = isRecord(spec["columns"]) ? Object.keys(spec["columns"]) : [];
  const broken = new Set(declared.filter((one) => !columns.some((column) => column.name === one)));
  const plan = { name, columns, eventTime, key: key ?? [], watermark, dedup };
  // Absent where nothing is declared: the fingerprints of such plans stay as they were.
  return { plan: lineProtocol === undefined ? plan : { ...plan, lineProtocol }, broken };
}

function resolveColumns(value: unknown, problems: Problems): readonly ColumnPlan[] {
  if (!isRecord(value) || Object.keys(value).length === 0) {
    problems.add(show(value), "at least one column", "{ time: column.timestamp(), … }");
    return [];
  }
  const names = Object.keys(value);
  if (names.length > MAX_COLUMNS) {
    problems.add(
      `${names.length} columns`,
      `at most ${MAX_COLUMNS}`,
      "put the rest in a json column",
    );
    return [];
  }
  checkNoTwins(names, problems);
  return names.flatMap((name) => {
    const at = problems.at(name);
    const isName = checkColumnName(name, at);
    const column = resolveColumn(name, value[name], at);
    return isName && column !== undefined ? [column] : [];
  });
}

function resolveColumn(name: string, value: unknown, problems: Problems): ColumnPlan | undefined {
  const spec = isBranded(value, "column") ? (value as { spec?: ColumnSpec }).spec : undefined;
  if (spec === undefined) {
    // `column.text` without its brackets is the usual slip.
    return problems.add(show(value), "a column type", "column.text(), column.int64(), …");
  }
  const type = resolveType(spec, problems);
  if (type === undefined) return undefined;
  const options = type.kind === "timestamp" ? timestampOptions(spec, problems) : {};
  const received = spec.received === true ? { received: true as const } : {};
  const column: ColumnPlan = { name, type, nullable: spec.nullable, ...options, ...received };
  if (spec.default === undefined) return column;
  if (spec.received === true) {
    const hint = "column.timestamp() with this default";
    return problems.at("default").add(show(spec.default.value), "the time of receipt alone", hint);
  }
  const constant = exactConstant(type, spec.default.value);
  if (constant !== undefined) return { ...column, default: constant };
  const hint =
    spec.default.value === null ? ".nullable()" : `.default(…) with ${constantExample(type)}`;
  problems.at("default").add(show(spec.default.value), constantExample(type), hint);
  return column;
}

function resolveType(spec: ColumnSpec, problems: Problems): ColumnType | undefined {
  if (spec.type === "decimal") {
    const { precision, scale } = spec;
    if (!isDecimalShape(precision, scale)) {
      return problems.add(
        `decimal(${show(precision)}, ${show(scale)})`,
        "1 to 38 digits, and no more of them after the point than there are",
        "column.decimal(18, 4)",
      );
    }
    return { kind: "decimal", precision: precision as number, scale: scale as number };
  }
  const type = Object.entries(PLAIN_TYPES).find(([kind]) => kind === spec.type)?.[1];
  return type ?? problems.add(show(spec.type), "a column type", "column.text(), column.int64(), …");
}

function timestampOptions(spec: ColumnSpec, problems: Problems): Pick<ColumnPlan, "zone" | "unit"> {
  if (isRecord(spec.options)) {
    problems.unknownKeys({ ...spec.options }, ["zone", "unit"]);
  }
  const zoneHint = spec.zone === undefined ? undefined : zoneProblem(spec.zone);
  if (zoneHint !== undefined) {
    problems.at("zone").add(show(spec.zone), "the name of a time zone", zoneHint);
  }
  const unit = UNITS.find((one) => one === spec.unit);
  if (spec.unit !== undefined && unit === undefined) {
    problems.at("unit").add(show(spec.unit), 'one of "s", "ms", "us", "ns"', '{ unit: "ms" }');
  }
  return {
    ...(typeof spec.zone === "string" ? { zone: spec.zone } : {}),
    ...(unit === undefined ? {} : { unit }),
  };
}

function resolveEventTime(
  value: unknown,
  columns: readonly ColumnPlan[],
  problems: Problems,
): string {
  const column = columns.find((one) => one.name === value);
  const times = columns.filter((one) => one.type.kind === "timestamp" && !one.nullable);
  const expected = "the name of a timestamp column that is never null";
  const names = times.map((one) => one.name);
  if (column === undefined) {
    problems.add(
      show(value),
      expected,
      names.length === 0 ? "time: column.timestamp()" : nameHint(value, names),
    );
  } else if (column.type.kind !== "timestamp") {
    problems.add(`${show(value)}, a column of ${column.type.kind}`, expected, nameHint("", names));
  } else if (column.nullable) {
    problems.add(`${show(value)}, which is nullable`, expected, "leave .nullable() out");
  }
  return typeof value === "string" ? value : "";
}

/** Names of columns whose values can always be compared; undefined where none were given. */
function resolveNames(
  value: unknown,
  columns: readonly ColumnPlan[],
  problems: Problems,
): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) {
    return problems.add(show(value), "a list of column names", '["id"]');
  }
  const usable = columns.filter((one) => !one.nullable && one.type.kind !== "json");
  const names: string[] = [];
  for (const [index, name] of (value as unknown[]).entries()) {
    const at = problems.at(`[${index}]`);
    const column = columns.find((one) => one.name === name);
    const hint = nameHint(
      name,
      usable.map((one) => one.name),
    );
    if (column === undefined) at.add(show(name), "the name of a column", hint);
    else if (names.includes(column.name))
      at.add(`${show(name)} again`, "each name once", "leave it out");
    else if (!usable.includes(column)) {
      const found = column.type.kind === "json" ? "a json column" : "a nullable column";
      at.add(`${show(name)}, ${found}`, "a column that always has a value to compare", hint);
    } else names.push(column.name);
  }
  return names;
}

function resolveWatermark(value: unknown, problems: Problems): WatermarkPlan {
  const spec = section(value, ["outOfOrderness", "idleTimeout", "maxFutureSkew"], problems);
  const us = (key: "outOfOrderness" | "idleTimeout" | "maxFutureSkew", minUs: number): number =>
    durationUs(spec[key] ?? DATASET_DEFAULTS[key], minUs, problems.at(key)) ?? 0;
  return {
    outOfOrdernessUs: us("outOfOrderness", 0),
    idleTimeoutUs: spec["idleTimeout"] === null ? null : us("idleTimeout", 1),
    maxFutureSkewUs: us("maxFutureSkew", 0),
  };
}

function resolveDedup(
  value: unknown,
  columns: readonly ColumnPlan[],
  problems: Problems,
): DedupPlan | null {
  if (value === undefined || value === null) return null;
  const spec = section(value, ["by", "within"], problems);
  const by = resolveNames(spec["by"], columns, problems.at("by"));
  const within = spec["within"] ?? DATASET_DEFAULTS.dedupWithin;
  return {
    // Not the key: two versions of one key are not the same row.
    by: by ?? columns.map((column) => column.name),
    withinUs: durationUs(within, 1, problems.at("within")) ?? 0,
  };
}

/** An object with known keys only; an empty one where nothing was written. */
export function section(
  value: unknown,
  known: readonly string[],
  problems: Problems,
): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (isRecord(value)) {
    problems.unknownKeys(value, known);
    return value;
  }
  problems.add(show(value), `an object with ${known.join(", ")}`, `{ ${known[0] ?? ""}: … }`);
  return {};
}

export function durationUs(value: unknown, minUs: number, problems: Problems): number | undefined {
  const us = typeof value === "string" ? parseDuration(value) : undefined;
  if (us !== undefined && us >= minUs) return us;
  const expected = minUs > 0 ? "a duration longer than 0" : "a duration, 0 or longer";
  return problems.add(show(value), expected, DURATION_EXAMPLES);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
