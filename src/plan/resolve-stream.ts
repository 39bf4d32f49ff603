/** Checks streams and fills in their defaults. */
import { isBranded } from "../project/brand.ts";
import { PLAIN_TYPES } from "./column-type.ts";
import { checkNoTwins, nameHint } from "./names.ts";
import { type ColumnPlan, type NamedExpression } from "./plan.ts";
import { type Problems, show } from "./problem.ts";
import { isRecord, type ResolvedDataset } from "./resolve-dataset.ts";
import { refuseUnlisted } from "./resolve-from.ts";
import { type RowScope } from "./resolve-expression.ts";
import { type FindRelation, resolveJoins } from "./resolve-join.ts";
import { resolveNamed, resolveWhere } from "./resolve-named.ts";
import { ROW_COLUMN, type StreamPlan } from "./stream-plan.ts";

const MAX_COLUMNS = 1000;
const KEYS = ["from", "join", "where", "select"];
const EXAMPLE = 'stream({ from: …, where: col("kind").eq("order") })';

export interface ResolvedStream extends ResolvedDataset {
  readonly plan: StreamPlan;
  /** The datasets whose rows it follows. */
  readonly roots: ReadonlySet<string>;
}

type Declared = readonly (readonly [string, unknown])[];

/** What streams may read: datasets by name, and every declared value by identity. */
interface Readable {
  readonly datasets: readonly ResolvedDataset[];
  readonly nameOf: (declared: unknown) => string | undefined;
}

/** A stream that others read is resolved before them, once. */
export function resolveStreams(
  declared: Declared,
  readable: Readable,
  problems: Problems,
): readonly ResolvedStream[] {
  const resolved = new Map<string, ResolvedStream | "cycle" | undefined>();
  const streamNamed = (name: string): ResolvedStream | "cycle" | undefined => {
    if (resolved.has(name)) return resolved.get(name);
    resolved.set(name, "cycle");
    const value = declared.find(([key]) => key === name)?.[1];
    const stream = resolveStream(name, value, relationOf, problems.at(name));
    resolved.set(name, stream);
    return stream;
  };
  const names = [...readable.datasets.map((one) => one.plan.name), ...declared.map(([key]) => key)];
  const relationOf: FindRelation = (value, at) => {
    const name = typeof value === "string" ? value : readable.nameOf(value);
    const dataset = readable.datasets.find((one) => one.plan.name === name);
    if (dataset !== undefined) return { ...dataset, roots: new Set([dataset.plan.name]) };
    if (name !== undefined && declared.some(([key]) => key === name)) {
      const stream = streamNamed(name);
      if (stream !== "cycle") return stream;
      return at.add(show(name), "what does not read this stream itself", "name a dataset");
    }
    // A dataset that is listed, but too broken to read: its own problems say enough.
    if (name !== undefined && isBranded(value, "dataset")) return undefined;
    const expected = "a dataset or a stream";
    if (isBranded(value, "window")) {
      return at.add("a window", `${expected} of this project`, nameHint("", names));
    }
    return refuseUnlisted(value, expected, names, at);
  };
  return declared.flatMap(([name]) => {
    const stream = streamNamed(name);
    return stream === undefined || stream === "cycle" ? [] : [stream];
  });
}

function resolveStream(
  name: string,
  value: unknown,
  relationOf: FindRelation,
  problems: Problems,
): ResolvedStream | undefined {
  const spec = isBranded(value, "stream") ? (value as { spec?: unknown }).spec : undefined;
  if (!isRecord(spec)) return problems.add(show(value), "a stream", EXAMPLE);
  problems.unknownKeys(spec, KEYS);
  const from = relationOf(spec["from"], problems.at("from"));
  if (from === undefined) return undefined;
  const found = problems.list.length;
  const joins = resolveJoins(spec["join"], from, relationOf, problems.at("join"));
  const columns = [...from.plan.columns, ...joins.flatMap((join) => join.columns)];
  const scope = { columns, broken: from.broken };
  const where = resolveWhere(spec["where"], scope, problems.at("where"));
  const chosen = resolveSelect(spec["select"], scope, problems.at("select"));
  const kept = [from.plan.eventTime, ...from.plan.key];
  const select = withKept(chosen, kept, scope, problems.at("select"));
  if (problems.list.length === found) {
    checkNoTwins(
      select.map((one) => one.name),
      problems.at("select"),
    );
  }
  const named = (column: string): string => nameUnder(select, column) ?? column;
  const eventTime = named(from.plan.eventTime);
  const isCorrected = joins.some(({ plan }) => plan.kind === "lookup" && plan.at === "event_time");
  const isNumbered = isCorrected && from.plan.key.length === 0;
  const plan: StreamPlan = {
    name,
    columns: columnsOf(select, columns),
    eventTime,
    key: from.plan.key.map(named),
    // How far event time has come is the source's affair; nobody sends to a stream.
    watermark: { ...from.plan.watermark, idleTimeoutUs: null },
    dedup: null,
    lineProtocol: null,
    from: from.plan.name,
    joins: joins.map((join) => join.plan),
    where: where ?? null,
    select,
  };
  return {
    plan: isNumbered ? numbered(plan) : plan,
    broken: new Set(),
    roots: new Set([...from.roots, ...joins.flatMap((join) => [...join.roots])]),
  };
}

/** Rows that are corrected and have no key are known by which row of the source they follow. */
function numbered(plan: StreamPlan): StreamPlan {
  const type = PLAIN_TYPES.int64;
  const row = {
    name: ROW_COLUMN,
    type,
    expression: { kind: "column", name: "_seq", type },
  } as const;
  return {
    ...plan,
    columns: [...plan.columns, { name: ROW_COLUMN, type, nullable: false }],
    key: [plan.eventTime, ROW_COLUMN],
    select: [...plan.select, row],
  };
}

/** All columns where nothing is chosen. */
function resolveSelect(
  value: unknown,
  scope: RowScope,
  problems: Problems,
): readonly NamedExpression[] {
  if (value === undefined) {
    return scope.columns.map(({ name, type }) => ({
      name,
      type,
      expression: { kind: "column", name, type },
    }));
  }
  const rules = { most: MAX_COLUMNS, example: '["user", "price"]' };
  return resolveNamed(value, scope, problems, rules);
}

/** Under which name a column of the source goes on; undefined where it does not. */
function nameUnder(select: readonly NamedExpression[], column: string): string | undefined {
  return select.find(({ expression }) => expression.kind === "column" && expression.name === column)
    ?.name;
}

/** Adds what was not chosen and has to be there all the same: the event time and the key. */
function withKept(
  chosen: readonly NamedExpression[],
  kept: readonly string[],
  scope: RowScope,
  problems: Problems,
): readonly NamedExpression[] {
  const added: NamedExpression[] = [];
  for (const name of new Set(kept)) {
    if (nameUnder(chosen, name) !== undefined) continue;
    const column = scope.columns.find((one) => one.name === name);
    if (column === undefined) continue;
    if (chosen.some((one) => one.name.toLowerCase() === name.toLowerCase())) {
      problems
        .at(name)
        .add(
          `something else under the name ${show(name)}`,
          "the event time and the key as they are, under this name or another",
          `${name}: ${show(name)}`,
        );
      continue;
    }
    const { type } = column;
    added.push({ name, type, expression: { kind: "column", name, type } });
  }
  return [...added, ...chosen];
}

function columnsOf(
  select: readonly NamedExpression[],
  columns: readonly ColumnPlan[],
): readonly ColumnPlan[] {
  return select.map(({ name, type, expression }) => {
    const source =
      expression.kind === "column"
        ? columns.find((column) => column.name === expression.name)
        : undefined;
    return { name, type, nullable: source?.nullable ?? true };
  });
}
