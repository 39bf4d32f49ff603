/**
 * Statements for a table of PostgreSQL that follows a relation.
 *
 * Columns are the relation's own. A relation with a key has `_version` besides, which guards its
 * upserts; rows without a key have `_id`, which is the delivery's. Keys that were taken back are
 * remembered with their version in `kurobe_deleted` beside the table, because an upsert that comes
 * again after its row is gone would bring it back.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type ColumnType, type DatasetPlan } from "../plan/plan.ts";
import { type Newest } from "./newest-per-key.ts";

export interface PostgresTable {
  /** Null: the first of the connection's search path. */
  readonly schema: string | null;
  readonly table: string;
  readonly relation: DatasetPlan;
  /** Whether rows of the relation can be taken back. */
  readonly canDelete: boolean;
}

interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

const VERSION: TableColumn = { name: "_version", type: { kind: "int64" }, nullable: false };
const ID: TableColumn = { name: "_id", type: { kind: "text" }, nullable: false };

const PLAIN_TYPES = {
  boolean: "boolean",
  int32: "integer",
  int64: "bigint",
  float64: "double precision",
  text: "text",
  timestamp: "timestamp with time zone",
  date: "date",
  json: "jsonb",
} as const;

export function postgresType(type: ColumnType): string {
  if (type.kind === "decimal") return `numeric(${type.precision},${type.scale})`;
  return PLAIN_TYPES[type.kind];
}

/** The columns of the table in the order of the statements. */
export function columnsOf({ relation }: PostgresTable): readonly TableColumn[] {
  return [...relation.columns, relation.key.length === 0 ? ID : VERSION];
}

function keyOf({ relation }: PostgresTable): readonly string[] {
  return relation.key.length === 0 ? [ID.name] : relation.key;
}

export function qualified(table: Pick<PostgresTable, "schema">, name: string): Sql {
  return table.schema === null ? sql.id(name) : sql.id(table.schema, name);
}

const DELETED = "kurobe_deleted";

export function createStatements(table: PostgresTable): readonly Sql[] {
  const columns = columnsOf(table).map(
    (column) => sql`${columnSql(column)}${column.nullable ? sql.empty : sql` NOT NULL`}`,
  );
  const isNullable = (name: string): boolean =>
    columnsOf(table).some((column) => column.name === name && column.nullable);
  const key = names(keyOf(table));
  // A primary key has no nulls; groups of a window may.
  const unique = keyOf(table).some(isNullable)
    ? sql`UNIQUE NULLS NOT DISTINCT (${key})`
    : sql`PRIMARY KEY (${key})`;
  const own = sql`CREATE TABLE IF NOT EXISTS ${qualified(table, table.table)} (
  ${sql.join([...columns, unique], ",\n  ")}
)`;
  if (!table.canDelete) return [own];
  return [
    own,
    sql`CREATE TABLE IF NOT EXISTS ${qualified(table, DELETED)} (
  table_name text NOT NULL,
  key text NOT NULL,
  version bigint NOT NULL,
  deleted_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (table_name, key)
)`,
  ];
}

export function addColumnStatement(table: PostgresTable, column: TableColumn): Sql {
  return sql`ALTER TABLE ${qualified(table, table.table)}
 ADD COLUMN IF NOT EXISTS ${columnSql(column)}`;
}

function columnSql({ name, type }: TableColumn): Sql {
  return sql`${sql.id(name)} ${sql.keyword(postgresType(type))}`;
}

/**
 * Inserts what is new and replaces what is older; equal and newer versions stay, and so do keys
 * that a newer version has taken back.
 */
export function upsertStatement(table: PostgresTable, rows: readonly Newest[]): Sql {
  const columns = columnsOf(table);
  const arrays = columns.map((column) => {
    const read = cellReader(column);
    const cells = rows.map(({ delivery }) => read(delivery));
    return sql`${arrayLiteral(cells)}::${sql.keyword(postgresType(column.type))}[]`;
  });
  const all = names(columns.map((column) => column.name));
  const own = new Set([...keyOf(table)]);
  const sets = columns
    .filter((column) => !own.has(column.name))
    .map(({ name }) => sql`${sql.id(name)} = ${sql.id("excluded", name)}`);
  const conflict =
    table.relation.key.length === 0
      ? sql`DO NOTHING`
      : sql`DO UPDATE SET ${sql.join(sets)} WHERE t._version < excluded._version`;
  const { from, where } = table.canDelete
    ? {
        from: sql`unnest(${sql.join(arrays)}, ${keysLiteral(rows)}::text[]) AS n (${all}, _key)`,
        where: sql`WHERE NOT EXISTS (SELECT FROM ${qualified(table, DELETED)} AS d
 WHERE d.table_name = ${table.table} AND d.key = n._key AND d.version >= n._version)`,
      }
    : { from: sql`unnest(${sql.join(arrays)}) AS n (${all})`, where: sql.empty };
  return sql`INSERT INTO ${qualified(table, table.table)} AS t (${all})
 SELECT ${all} FROM ${from} ${where}
 ON CONFLICT (${names(keyOf(table))}) ${conflict}`;
}

/** Takes rows back that are older, and remembers that they are gone. */
export function deleteStatement(table: PostgresTable, rows: readonly Newest[]): Sql {
  const key = table.relation.columns.filter((column) => table.relation.key.includes(column.name));
  const arrays = key.map((column) => {
    const cells = rows.map(({ delivery }) => delivery.key[column.name] ?? null);
    return sql`${arrayLiteral(cells)}::${sql.keyword(postgresType(column.type))}[]`;
  });
  const versions = arrayLiteral(rows.map(({ delivery }) => delivery.version));
  // `IS NOT DISTINCT FROM` finds nulls and uses no index: only where there may be nulls.
  const same = key.map(({ name, nullable }) => {
    const equals = sql.keyword(nullable ? "IS NOT DISTINCT FROM" : "=");
    return sql`${sql.id("t", name)} ${equals} ${sql.id("n", name)}`;
  });
  const columns = names(key.map(({ name }) => name));
  const all = sql.join([...arrays, sql`${keysLiteral(rows)}::text[]`]);
  return sql`WITH n AS (
  SELECT ${columns}, _key, _version FROM unnest(${all}, ${versions}::bigint[]) AS u (${columns}, _key, _version)
), gone AS (
  DELETE FROM ${qualified(table, table.table)} AS t USING n
   WHERE ${sql.join(same, " AND ")} AND t._version <= n._version
)
INSERT INTO ${qualified(table, DELETED)} AS d (table_name, key, version)
 SELECT ${sql.literal(table.table)}, _key, _version FROM n
 ON CONFLICT (table_name, key) DO UPDATE SET version = excluded.version, deleted_at = now()
 WHERE d.version < excluded.version`;
}

/** What there is already. */
export interface FoundTable {
  /** Empty where the table does not exist. */
  readonly columns: readonly FoundColumn[];
  /** Whether taken-back keys can be remembered; true where none are. */
  readonly hasDeleted: boolean;
}

interface FoundColumn {
  readonly name: string;
  /** As `format_type` writes it. */
  readonly type: string;
  readonly required: boolean;
  readonly filled: boolean;
}

export function describeStatement(table: PostgresTable): Sql {
  const deleted = table.canDelete
    ? sql`to_regclass(${qualified(table, DELETED).text}) IS NOT NULL`
    : sql`true`;
  return sql`SELECT ${deleted} AS "hasDeleted", coalesce(json_agg(json_build_object(
         'name', a.attname,
         'type', format_type(a.atttypid, a.atttypmod),
         'required', a.attnotnull,
         'filled', a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''
       ) ORDER BY a.attnum), '[]') AS columns
  FROM pg_attribute AS a
 WHERE a.attrelid = to_regclass(${qualified(table, table.table).text})
   AND a.attnum > 0 AND NOT a.attisdropped`;
}

/**
 * What keeps the relation's rows from fitting into the table, one sentence each. A column that
 * would round or cut values does not fit: a wrong number is worse than none.
 */
export function misfits(table: PostgresTable, found: readonly FoundColumn[]): string[] {
  const columns = columnsOf(table);
  const wrong = columns.flatMap((column) => {
    const own = found.find(({ name }) => name === column.name);
    const wanted = `${column.name} ${postgresType(column.type)}`;
    if (own === undefined) return [`it has no column ${wanted}`];
    return holds(own.type, column.type)
      ? []
      : [`its column ${own.name} is ${own.type}, not ${wanted}`];
  });
  const unfilled = found.filter(
    ({ name, required, filled }) =>
      required && !filled && columns.every((column) => column.name !== name),
  );
  const extra = unfilled.map(({ name }) => `its column ${name} is NOT NULL, and nothing fills it`);
  return [...wrong, ...extra];
}

const ALSO_HELD: Readonly<Partial<Record<ColumnType["kind"], RegExp>>> = {
  int32: /^(bigint|numeric)$/,
  int64: /^numeric$/,
  text: /^character varying(\(\d+\))?$/,
  timestamp: /^timestamp without time zone$/,
  json: /^(json|text)$/,
};

function holds(found: string, type: ColumnType): boolean {
  if (found === postgresType(type) || ALSO_HELD[type.kind]?.test(found) === true) return true;
  if (type.kind !== "decimal") return false;
  if (found === "numeric") return true;
  const [, precision, scale] = (/^numeric\((\d+),(\d+)\)$/.exec(found) ?? []).map(Number);
  if (precision === undefined || scale === undefined) return false;
  return scale >= type.scale && precision - scale >= type.precision - type.scale;
}

function names(list: readonly string[]): Sql {
  return sql.join(list.map((name) => sql.id(name)));
}

type Cell = string | number | boolean | null;

function cellReader({ name }: TableColumn): (delivery: Newest["delivery"]) => Cell {
  if (name === VERSION.name) return ({ version }) => version;
  if (name === ID.name) return ({ id }) => id;
  return ({ row }) => row[name] ?? null;
}

function keysLiteral(rows: readonly Newest[]): string {
  return arrayLiteral(rows.map(({ key }) => key));
}

const NEEDS_ESCAPE = /["\\]/;

/** PostgreSQL's own text of an array: one parameter a column, however many rows there are. */
function arrayLiteral(cells: readonly Cell[]): string {
  const texts = cells.map((cell) => {
    if (cell === null) return "NULL";
    if (typeof cell !== "string") return String(cell);
    return NEEDS_ESCAPE.test(cell) ? `"${cell.replaceAll(/["\\]/g, "\\$&")}"` : `"${cell}"`;
  });
  return `{${texts.join(",")}}`;
}
