/**
 * A table of ClickHouse that follows a relation: every version of a row is added, and
 * `ReplacingMergeTree(_version, _deleted)` keeps the newest one of each key. Rows without a key
 * have the id of their delivery instead, so that of a repetition one remains too.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type ColumnPlan, type ColumnType, type DatasetPlan } from "../plan/plan.ts";
import { type TableName } from "../plan/sinks/table-name.ts";
import { type Delivery } from "./delivery.ts";

export interface ClickHouseTable extends TableName {
  readonly relation: DatasetPlan;
}

interface TableColumn {
  readonly name: string;
  readonly type: string;
}

const UTC = "'UTC'";

const PLAIN_TYPES = {
  boolean: "Bool",
  int32: "Int32",
  int64: "Int64",
  float64: "Float64",
  text: "String",
  timestamp: `DateTime64(6, ${UTC})`,
  date: "Date32",
  json: "String",
} as const;

function clickHouseType({ type, nullable }: ColumnPlan): string {
  const own =
    type.kind === "decimal" ? `Decimal(${type.precision}, ${type.scale})` : PLAIN_TYPES[type.kind];
  return nullable ? `Nullable(${own})` : own;
}

const VERSION: TableColumn = { name: "_version", type: "UInt64" };
const DELETED: TableColumn = { name: "_deleted", type: "UInt8" };
const ID: TableColumn = { name: "_id", type: "String" };

export function columnsOf({ relation }: ClickHouseTable): readonly TableColumn[] {
  const own = relation.columns.map((one) => ({ name: one.name, type: clickHouseType(one) }));
  return relation.key.length === 0 ? [...own, ID] : [...own, VERSION, DELETED];
}

export function nameOf({ schema, table }: ClickHouseTable): Sql {
  return schema === null ? sql.id(table) : sql.id(schema, table);
}

/** The window is of inserts whose ids are remembered: a repeated one is not even stored. */
export function createStatement(table: ClickHouseTable): string {
  const { key, eventTime } = table.relation;
  const columns = columnsOf(table).map((column) => sql`  ${columnSql(column)}`);
  const engine =
    key.length === 0
      ? sql`ReplacingMergeTree`
      : sql`ReplacingMergeTree(${sql.id(VERSION.name)}, ${sql.id(DELETED.name)})`;
  const order = key.length === 0 ? [eventTime, ID.name] : key;
  return sql`CREATE TABLE IF NOT EXISTS ${nameOf(table)} (
${sql.join(columns, ",\n")}
) ENGINE = ${engine} ORDER BY (${sql.join(order.map((name) => sql.id(name)))})
SETTINGS allow_nullable_key = 1, non_replicated_deduplication_window = 1000`.text;
}

export function addColumnStatement(table: ClickHouseTable, column: TableColumn): string {
  return sql`ALTER TABLE ${nameOf(table)} ADD COLUMN IF NOT EXISTS ${columnSql(column)}`.text;
}

function columnSql({ name, type }: TableColumn): Sql {
  const words = type.split(UTC).map((word) => sql.keyword(word));
  return sql`${sql.id(name)} ${sql.join(words, UTC)}`;
}

// ClickHouse's own parameters: `schema` (empty: the connection's own database) and `table`.
const OWN_DATABASE = sql`if({schema:String} = '', currentDatabase(), {schema:String})`;
export const DESCRIBE_COLUMNS = sql`SELECT name, type FROM system.columns
 WHERE database = ${OWN_DATABASE} AND table = {table:String}`.text;
export const DESCRIBE_TABLE = sql`SELECT engine, engine_full AS full, sorting_key AS sorting
  FROM system.tables
 WHERE database = ${OWN_DATABASE} AND name = {table:String}`.text;

export interface FoundTable {
  readonly engine: string;
  readonly full: string;
  readonly sorting: string;
}

/**
 * What keeps the relation's rows from staying whole and single in the table, one sentence each. Of
 * an engine that only passes rows on (`Distributed`) the columns are all that is looked at.
 */
export function misfits(
  table: ClickHouseTable,
  found: FoundTable,
  columns: readonly TableColumn[],
): readonly string[] {
  const wrong = columnsOf(table).flatMap((column) => {
    const own = columns.find(({ name }) => name === column.name);
    if (own === undefined) return [`it has no column ${column.name} ${column.type}`];
    const fits = holds(own.type, column.type);
    return fits ? [] : [`its column ${own.name} is ${own.type}, not ${column.type}`];
  });
  if (!found.engine.endsWith("MergeTree")) return wrong;
  const { key } = table.relation;
  const engine = key.length === 0 ? "ReplacingMergeTree" : "ReplacingMergeTree(_version, _deleted)";
  const isReplacing =
    found.engine.endsWith("ReplacingMergeTree") &&
    (key.length === 0 || /\(.*_version, _deleted\)/.test(found.full));
  if (!isReplacing) wrong.push(`its engine is ${found.engine}, not ${engine}`);
  // A key of one column stands there with and without parentheses.
  const sorted = found.sorting.replace(/[`"()]/g, "").split(", ");
  const wanted = key.length === 0 ? [ID.name] : key;
  const isKey = key.length === 0 || sorted.length === key.length;
  if (!isKey || !wanted.every((name) => sorted.includes(name))) {
    wrong.push(`it is ordered by (${found.sorting}), which is not the key (${wanted.join(", ")})`);
  }
  return wrong;
}

/** Wider decimals hold narrower ones; a type for values with few repetitions is as good. */
function holds(found: string, wanted: string): boolean {
  const plain = found.replace(/^LowCardinality\((.*)\)$/, "$1");
  if (plain === wanted || plain === `Nullable(${wanted})`) return true;
  if (wanted.startsWith("Nullable(") && !plain.startsWith("Nullable(")) return false;
  const [one, other] = [plain, wanted].map((type) =>
    /Decimal\((\d+), (\d+)\)/.exec(type)?.slice(1).map(Number),
  );
  const [precision = 0, scale = 0] = one ?? [];
  const [digits = Infinity, after = Infinity] = other ?? [];
  return scale >= after && precision - scale >= digits - after;
}

/** A row as JSONEachRow takes it; of one that is taken back, its key. */
export function rowOf(
  { relation }: ClickHouseTable,
  delivery: Delivery,
): Readonly<Record<string, unknown>> {
  const { op, key, row, version } = delivery;
  if (op === "insert") return { ...row, [ID.name]: delivery.id };
  if (op === "upsert") return { ...row, [VERSION.name]: version, [DELETED.name]: 0 };
  const { eventTime } = relation;
  const at = row[eventTime] ?? undefined;
  return { [eventTime]: at, ...key, [VERSION.name]: version, [DELETED.name]: 1 };
}

/** Types whose values beyond ClickHouse's calendar would become other ones, silently. */
const DATED: ReadonlySet<ColumnType["kind"]> = new Set(["timestamp", "date"]);

/** Names a column whose value ClickHouse cannot hold: its calendar goes from 1900 to 2299. */
export function outOfCalendar(
  { relation }: ClickHouseTable,
  { row }: Delivery,
): string | undefined {
  return relation.columns.find(({ name, type }) => {
    const cell = row[name];
    if (!DATED.has(type.kind) || typeof cell !== "string") return false;
    return !/^(19|20|21|22)\d\d-/.test(cell);
  })?.name;
}
