/** Checks the joins of a stream and fills in their defaults. */
import { parseDuration } from "../core/duration.ts";
import { isBranded } from "../project/brand.ts";
import { typeName } from "./column-type.ts";
import { Fields } from "./fields.ts";
import { checkColumnName } from "./names.ts";
import { type ColumnPlan, type ColumnType, type DatasetPlan } from "./plan.ts";
import { didYouMean, type Problems, show } from "./problem.ts";
import { durationUs, isRecord, type ResolvedDataset } from "./resolve-dataset.ts";
import { namedEntries } from "./resolve-named.ts";
import {
  type JoinBase,
  type JoinColumn,
  type JoinPlan,
  type LookupPlan,
  type WithinPlan,
} from "./stream-plan.ts";

const MAX_JOINS = 16;
const EXAMPLE = 'lookup(users, { on: { user: "id" }, select: ["country"] })';

/** Finds a relation by its name or declared value; problems are reported. */
export type FindRelation = (
  value: unknown,
  problems: Problems,
) => (ResolvedDataset & { readonly roots: ReadonlySet<string> }) | undefined;

type Relation = NonNullable<ReturnType<FindRelation>>;

export interface ResolvedJoin {
  readonly plan: JoinPlan;
  /** Datasets whose rows it brings in. */
  readonly roots: ReadonlySet<string>;
  /** As the stream's expressions see them. */
  readonly columns: readonly ColumnPlan[];
}

export function resolveJoins(
  value: unknown,
  from: Relation,
  relationOf: FindRelation,
  problems: Problems,
): readonly ResolvedJoin[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_JOINS) {
    problems.add(show(value), `a list of at most ${MAX_JOINS} joins`, `[${EXAMPLE}]`);
    return [];
  }
  const joins = (value as unknown[]).flatMap((one, index) => {
    const join = resolveJoin(one, from, relationOf, problems.at(`[${index}]`));
    return join === undefined ? [] : [join];
  });
  checkNames(from, joins, problems);
  checkOrder(from, joins, problems);
  if (joins.length > 1 && joins.some(({ plan }) => plan.kind === "within")) {
    problems.add(
      "a join within a bound beside others",
      "that join alone",
      "a second stream from this one",
    );
  }
  return joins;
}

function resolveJoin(
  value: unknown,
  from: Relation,
  relationOf: FindRelation,
  problems: Problems,
): ResolvedJoin | undefined {
  const { kind, spec } = isBranded(value, "join")
    ? (value as { readonly kind?: unknown; readonly spec?: unknown })
    : {};
  if ((kind !== "lookup" && kind !== "within") || !isRecord(spec) || !isRecord(spec["options"])) {
    return problems.add(show(value), "a join", EXAMPLE);
  }
  const other = relationOf(spec["with"], problems);
  if (other === undefined) return undefined;
  const fields = new Fields(spec["options"], problems);
  const on = resolveOn(fields, from.plan, other.plan);
  const select = resolveSelect(fields, other.plan);
  const base = { with: other.plan.name, on, select };
  const plan = kind === "lookup" ? resolveLookup(fields, base) : resolveWithin(fields, base);
  if (plan.kind === "lookup" && plan.at === "event_time") checkVersions(other, problems);
  if (plan.kind === "within") for (const side of [from, other]) checkStays(side, problems);
  fields.end();
  const isOptional = plan.kind === "lookup" && plan.keeps === "left";
  const columns = select.map(({ name, column }) => {
    const nullable = other.plan.columns.find((one) => one.name === column)?.nullable ?? true;
    return { name, type: typeOf(other.plan, column), nullable: nullable || isOptional };
  });
  return { plan, roots: other.roots, columns };
}

/** The longest time that rows may be apart: ten years. */
const MAX_APART_US = 3660 * 86_400_000_000;

function resolveWithin(fields: Fields, base: JoinBase): WithinPlan {
  const { value, problems } = fields.raw("between");
  const bounds: readonly unknown[] = Array.isArray(value) && value.length === 2 ? value : [];
  const [fromUs, toUs] = bounds.map(signedUs);
  if (fromUs === undefined || toUs === undefined) {
    problems.add(
      bounds.length === 2 ? `${show(bounds[0])} and ${show(bounds[1])}` : show(value),
      "the earliest and the latest time of the other row, from the row's own: at most 10 years",
      'between: ["-10m", "1h"]',
    );
  } else if (fromUs > toUs) {
    const [from, to] = [show(bounds[0]), show(bounds[1])];
    problems.add(`${from} and ${to}`, "the earlier bound first", `between: [${to}, ${from}]`);
  }
  return { kind: "within", ...base, fromUs: fromUs ?? 0, toUs: toUs ?? 0 };
}

function signedUs(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const isBefore = value.startsWith("-");
  const us = parseDuration(isBefore ? value.slice(1) : value);
  if (us === undefined || us > MAX_APART_US) return undefined;
  return isBefore && us > 0 ? -us : us;
}

/** A pair is there for good. */
function checkStays({ plan }: Relation, problems: Problems): void {
  if (plan.key.length === 0) return;
  problems.add(
    `${show(plan.name)}, whose rows are replaced`,
    "rows that stay on both sides",
    "leave its key out, or take a lookup",
  );
}

function resolveLookup(fields: Fields, base: JoinBase): LookupPlan {
  const keeps = fields.choice("kind", ["left", "inner"], "left");
  const at = fields.choice("at", ["latest", "event_time"], "latest");
  const { value, problems } = fields.raw("allowedLateness");
  if (value !== undefined && at === "latest") {
    problems.add(show(value), "nothing: what was looked up stays", 'at: "event_time"');
  }
  const allowedLatenessUs = value === undefined ? null : (durationUs(value, 0, problems) ?? 0);
  return { kind: "lookup", ...base, keeps, at, allowedLatenessUs };
}

/** As of a time in the past needs what was true then. */
function checkVersions({ plan }: Relation, problems: Problems): void {
  if (plan.key.length === 0) return;
  if (plan.key.includes(plan.eventTime) && !("from" in plan)) return;
  problems.add(
    `${show(plan.name)}, which keeps the newest row of each key only`,
    "a reference that keeps all versions",
    `leave its key out, or add ${show(plan.eventTime)} to it; or at: "latest"`,
  );
}

function typeOf(plan: DatasetPlan, column: string): ColumnType {
  return plan.columns.find((one) => one.name === column)?.type ?? { kind: "text" };
}

function resolveOn(fields: Fields, own: DatasetPlan, other: DatasetPlan): JoinPlan["on"] {
  const { value, problems } = fields.raw("on");
  if (!isRecord(value) || Object.keys(value).length === 0) {
    problems.add(show(value), "columns that have to be equal", '{ user: "id" }');
    return [];
  }
  return Object.entries(value).flatMap(([name, written]) => {
    const at = problems.at(name);
    const left = namedColumn(name, own, at);
    const right = namedColumn(written, other, at);
    if (left === undefined || right === undefined) return [];
    if (!isComparable(left.type, right.type)) {
      const types = `${typeName(left.type)} and ${typeName(right.type)}`;
      at.add(types, "two columns of one type that can be compared", "declare them alike");
    }
    return [{ own: left.name, other: right.name }];
  });
}

function isComparable(a: ColumnType, b: ColumnType): boolean {
  const isWhole = (type: ColumnType): boolean => type.kind === "int32" || type.kind === "int64";
  if (isWhole(a) && isWhole(b)) return true;
  return a.kind !== "json" && typeName(a) === typeName(b);
}

function namedColumn(name: unknown, plan: DatasetPlan, problems: Problems): ColumnPlan | undefined {
  const column = plan.columns.find((one) => one.name === name);
  if (column !== undefined) return column;
  const names = plan.columns.map((one) => one.name);
  const hint = typeof name === "string" ? didYouMean(name, names) : 'user: "id"';
  return problems.add(show(name), `a column of ${plan.name}`, hint);
}

/** Column names, or new names with columns. */
function resolveSelect(fields: Fields, other: DatasetPlan): readonly JoinColumn[] {
  const { value, problems } = fields.raw("select");
  const entries = namedEntries(value, problems);
  if (entries === null)
    problems.add(show(value), "the columns that it brings", 'select: ["country"]');
  return (entries ?? []).flatMap(([name, written, at]) => {
    const column = namedColumn(written, other, at);
    if (column === undefined || !checkColumnName(name, at)) return [];
    return [{ name, column: column.name, type: column.type }];
  });
}

/** A row's own columns and all that joins bring stand side by side. */
function checkNames(from: Relation, joins: readonly ResolvedJoin[], problems: Problems): void {
  const taken = new Map(from.plan.columns.map(({ name }) => [name.toLowerCase(), from.plan.name]));
  for (const [index, { plan }] of joins.entries()) {
    for (const { name, column } of plan.select) {
      const owner = taken.get(name.toLowerCase());
      taken.set(name.toLowerCase(), plan.with);
      if (owner === undefined) continue;
      problems
        .at(`[${index}]`)
        .at("select")
        .at(name)
        .add(
          `the name ${show(name)} of a column of ${owner}`,
          "a name of its own",
          `${plan.with}_${name}: ${show(column)}`,
        );
    }
  }
}

/**
 * What a row finds depends on what came before it. That is known between datasets, whose batches
 * are applied one after the other, but not between rows that follow from one batch.
 */
function checkOrder(from: Relation, joins: readonly ResolvedJoin[], problems: Problems): void {
  const before = new Set(from.roots);
  const isLatest = ({ plan }: ResolvedJoin): boolean =>
    plan.kind === "lookup" && plan.at === "latest";
  for (const [index, join] of joins.entries()) {
    const at = problems.at(`[${index}]`);
    const shared = [...join.roots].find((root) => before.has(root));
    if (shared !== undefined) {
      at.add(
        `rows of ${show(shared)}, which ${show(from.plan.name)} or another join follows already`,
        "a reference of other datasets",
        "give it a dataset of its own",
      );
    }
    // What is looked up once and for all may come from one reference several times.
    if (!isLatest(join)) for (const root of join.roots) before.add(root);
  }
  if (joins.some(isLatest) && !joins.every(isLatest)) {
    problems.add(
      "lookups of the latest row beside joins that are corrected",
      "one kind in a stream: a correction would look up anew",
      "a second stream from this one",
    );
  }
}
