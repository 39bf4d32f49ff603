/**
 * Parquet bodies: the file's own types must fit the dataset's, and every value must survive the
 * way.
 */
import { sql, type Sql } from "../core/sql.ts";
import { type ErrorCode } from "../core/error-catalog.ts";
import { isKurobeError, type KurobeError } from "../core/errors.ts";
import { type Connection, filePattern } from "../duckdb/duckdb.ts";
import { type ColumnPlan, type DatasetPlan } from "../plan/plan.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import {
  type Batch,
  type DecodeLimits,
  type Decoded,
  type Reject,
  type StagedRows,
} from "./batch.ts";
import { nameOf } from "./exact-value.ts";
import { type RowColumns } from "./row-columns.ts";
import { isRequired } from "./row-shape.ts";

interface ParquetContext {
  readonly dataset: DatasetPlan;
  readonly limits: DecodeLimits;
  readonly batch: Batch;
  readonly path: string;
  /** Where rows go that are too many for JavaScript's memory. */
  readonly table: Sql;
  readonly columns: RowColumns;
}

export interface ParquetRows {
  readonly decoded: Decoded;
  readonly content: StagedRows;
}

/** Bodies that unfold to more are kept in a table, under the memory limit of DuckDB. */
const MAX_COLUMN_BYTES = 64 * 1024 * 1024;

/** Stages the good rows, in file order; of a body that is refused, none. */
export async function stageParquet(
  connection: Connection,
  context: ParquetContext,
): Promise<ParquetRows> {
  const { batch, dataset, limits, table, path, columns } = context;
  const refuse = async (
    reason: string,
    hint: string,
    received = 0,
    rejects: readonly Reject[] = [],
  ): Promise<ParquetRows> => {
    await connection.run(sql`DROP TABLE IF EXISTS ${table}`);
    columns.truncate(0);
    return {
      decoded: { kind: "refused", batch, reason, hint, received, rejects },
      content: { kind: "columns", columns },
    };
  };
  try {
    const size = await logicalSize(connection, path);
    if (size.rows > limits.maxRows || size.bytes > limits.maxUnfoldedBytes) {
      return await refuse(
        `Parquet of ${size.rows} rows and ${size.bytes} bytes unfolded is too large`,
        "Send smaller files.",
      );
    }
    const fileTypes = await columnTypes(connection, path);
    const problem = schemaProblem(dataset, fileTypes);
    if (problem !== undefined)
      return await refuse(
        problem,
        "Write the file with the dataset's columns and types.",
        size.rows,
      );
    const isLarge = size.bytes > MAX_COLUMN_BYTES;
    const { rejects, stored } = await stageChecked(connection, context, fileTypes, isLarge);
    if (stored + rejects.length !== size.rows && rejects.length <= limits.maxRejects) {
      return await refuse(
        `not a readable Parquet file: it has ${stored + rejects.length} rows, its footer says ${size.rows}`,
        "Check that the file is whole.",
      );
    }
    if (rejects.length > limits.maxRejects) {
      return await refuse(
        `more than ${limits.maxRejects} rows are invalid; the first: ${rejects[0]?.reason}`,
        "Check the file.",
        size.rows,
        rejects.slice(0, 10),
      );
    }
    if (batch.header.onInvalid === "reject" && rejects.length > 0) {
      return await refuse(
        `${rejects.length} of ${size.rows} rows are invalid`,
        "Mend the rows, or send without onInvalid=reject.",
        size.rows,
        rejects,
      );
    }
    return {
      decoded: { kind: "rows", batch, accepted: size.rows - rejects.length, rejects },
      content: isLarge ? { kind: "table", table } : { kind: "columns", columns },
    };
  } catch (error) {
    if (!isFilesFault(error)) throw error;
    return refuse(
      `not a readable Parquet file: ${firstLine(error.message)}`,
      "Check that the file is whole.",
    );
  }
}

/**
 * What the same bytes may not meet again: memory, disk and interrupts are no matter of the file.
 */
const OUTSIDE_THE_FILE: ReadonlySet<string> = new Set<ErrorCode>([
  "KRB_DUCKDB_OUT_OF_MEMORY",
  "KRB_DUCKDB_TEMPORARY_SPACE",
  "KRB_DUCKDB_INTERRUPTED",
  "KRB_DUCKDB_PERMISSION",
]);
const FAILED_DISK = /Cannot open file|Input\/output error|Too many open files|Stale file/i;

/**
 * The reader has no error of its own for a damaged file: it says "Invalid", "Not implemented",
 * "Binder" and more, and "INTERNAL" where it did not expect such bytes at all. An entry of the log
 * that stops the engine would stop it again at each start, so all of these refuse the body.
 */
function isFilesFault(error: unknown): error is KurobeError {
  if (!isKurobeError(error) || !error.code.startsWith("KRB_DUCKDB_")) return false;
  if (error.code === "KRB_DUCKDB_FATAL") return error.details["kind"] === "INTERNAL";
  if (error.code === "KRB_DUCKDB_IO") return !FAILED_DISK.test(error.message);
  return !OUTSIDE_THE_FILE.has(error.code);
}

function firstLine(text: string): string {
  // The path of our staging file says nothing to the caller.
  return (text.split("\n")[0] ?? "")
    .replaceAll(/["'][^"']*staging[^"']*["']/g, "body")
    .replaceAll(/[^\s,]*\bstaging\b[^\s,]*/g, "body")
    .slice(0, 200);
}

export function emptyStage(table: Sql, dataset: DatasetPlan): Sql {
  const columns = dataset.columns.map((column) => {
    return sql`${sql.id(column.name)} ${sql.keyword(columnTypeToDuckdb(column.type))}`;
  });
  return sql`CREATE TABLE ${table} (${sql.join(columns)})`;
}

async function logicalSize(
  connection: Connection,
  path: string,
): Promise<{ rows: number; bytes: number }> {
  const [size] = await connection.rows<{ rows: bigint; bytes: bigint }>(
    sql`SELECT
          (SELECT CAST(sum(num_rows) AS BIGINT) FROM parquet_file_metadata(${sql.literal(filePattern(path))})) AS rows,
          (SELECT CAST(coalesce(sum(total_uncompressed_size), 0) AS BIGINT)
             FROM parquet_metadata(${sql.literal(filePattern(path))})) AS bytes`,
  );
  return { rows: Number(size?.rows ?? 0), bytes: Number(size?.bytes ?? 0) };
}

async function columnTypes(
  connection: Connection,
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.rows<{ name: string; type: string }>(
    sql`SELECT column_name AS name, column_type AS type
          FROM (DESCRIBE FROM read_parquet(${sql.literal(filePattern(path))}))`,
  );
  return new Map(rows.map((row) => [row.name, row.type]));
}

const INTEGERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$|^U?HUGEINT$/;

function fits(column: ColumnPlan, type: string): boolean {
  switch (column.type.kind) {
    case "boolean":
      return type === "BOOLEAN";
    case "int32":
    case "int64":
      return INTEGERS.test(type);
    case "float64":
    case "decimal":
      return INTEGERS.test(type) || /^(FLOAT|DOUBLE|DECIMAL\(.*)$/.test(type);
    case "text":
      return /^(VARCHAR|UUID|ENUM\(.*)$/.test(type);
    case "timestamp":
      if (type === "TIMESTAMP WITH TIME ZONE") return true;
      return column.zone !== undefined && /^TIMESTAMP(_NS|_MS|_S)?$/.test(type);
    case "date":
      return type === "DATE";
    case "json":
      return /^(VARCHAR|JSON|STRUCT\(.*|MAP\(.*|.*\[\])$/.test(type);
  }
}

function schemaProblem(
  dataset: DatasetPlan,
  fileTypes: ReadonlyMap<string, string>,
): string | undefined {
  for (const [name, type] of fileTypes) {
    const column = dataset.columns.find((one) => one.name === name);
    if (column === undefined)
      return `unknown column ${JSON.stringify(name.slice(0, 60))} in the Parquet file`;
    if (!fits(column, type)) {
      const zone = type.startsWith("TIMESTAMP") && column.type.kind === "timestamp";
      const why = zone ? ": it has no zone, so declare the column with one" : "";
      return `column ${name} is ${type} in the Parquet file, which does not fit ${nameOf(column.type)}${why}`;
    }
  }
  const missing = dataset.columns.find(
    (column) => isRequired(column) && !fileTypes.has(column.name),
  );
  return missing === undefined
    ? undefined
    : `the Parquet file lacks the required column ${missing.name}`;
}

/** SQL that reads one column the way the dataset has it: NULL where the value cannot be kept. */
function readColumn(column: ColumnPlan, fileType: string | undefined): Sql {
  const type = sql.keyword(columnTypeToDuckdb(column.type));
  const name = sql.id(column.name);
  if (fileType === undefined) return sql`CAST(NULL AS ${type})`;
  if (column.type.kind === "timestamp") {
    if (fileType === "TIMESTAMP WITH TIME ZONE" || column.zone === "UTC")
      return sql`CAST(${name} AS TIMESTAMP)`;
    const local = sql`CAST(${name} AS TIMESTAMP)`;
    const instant = sql`timezone(${sql.literal(column.zone ?? "UTC")}, ${local})`;
    return sql`CAST(timezone('UTC', ${instant}) AS TIMESTAMP)`;
  }
  if (column.type.kind === "json") {
    if (fileType === "VARCHAR")
      return sql`CASE WHEN json_valid(${name}) THEN CAST(${name} AS JSON) END`;
    return sql`to_json(${name})`;
  }
  return sql`TRY_CAST(${name} AS ${type})`;
}

/** SQL for the first thing wrong with a row, or NULL. */
function rowProblem(context: ParquetContext, fileTypes: ReadonlyMap<string, string>): Sql {
  const { dataset, batch } = context;
  const cases = dataset.columns.flatMap((column) => {
    const name = sql.id(column.name);
    const typed = readColumn(column, fileTypes.get(column.name));
    const say = (text: string): Sql => sql.literal(text);
    const list: Sql[] = [];
    if (fileTypes.has(column.name)) {
      list.push(sql`WHEN ${name} IS NOT NULL AND ${typed} IS NULL
        THEN ${say(`${column.name}: the value does not fit ${nameOf(column.type)}`)}`);
    }
    if (column.type.kind === "float64" && fileTypes.has(column.name)) {
      list.push(
        sql`WHEN NOT isfinite(${typed}) THEN ${say(`${column.name}: NaN and infinity are no float64 here`)}`,
      );
    }
    if (column.type.kind === "timestamp" || column.type.kind === "date") {
      list.push(sql`WHEN NOT isfinite(${typed}) OR year(${typed}) < 1 OR year(${typed}) > 9999
        THEN ${say(`${column.name}: outside the years 1 to 9999`)}`);
    }
    if (isRequired(column))
      list.push(sql`WHEN ${typed} IS NULL THEN ${say(`column ${column.name} is missing or null`)}`);
    if (column.name === dataset.eventTime && batch.header.replay === undefined) {
      const limitUs = batch.header.receivedAtUs + BigInt(dataset.watermark.maxFutureSkewUs);
      list.push(sql`WHEN epoch_us(${typed}) > ${sql.literal(limitUs)}
        THEN ${say(`${column.name}: further in the future than maxFutureSkew allows`)}`);
    }
    return list;
  });
  return sql`CASE ${sql.join(cases, " ")} END`;
}

async function stageChecked(
  connection: Connection,
  context: ParquetContext,
  fileTypes: ReadonlyMap<string, string>,
  isLarge: boolean,
): Promise<{ readonly rejects: readonly Reject[]; readonly stored: number }> {
  const { batch, dataset, path, limits } = context;
  const reader = sql`read_parquet(${sql.literal(filePattern(path))}, file_row_number = true)`;
  const columns = dataset.columns.map((column) => {
    const typed = readColumn(column, fileTypes.get(column.name));
    const type = sql.keyword(columnTypeToDuckdb(column.type));
    const fallback =
      column.received === true
        ? sql`make_timestamp(${sql.literal(batch.header.receivedAtUs)})`
        : sql`CAST(${sql.literal(column.default ?? null)} AS ${type})`;
    const hasDefault = column.received === true || column.default !== undefined;
    const kept = hasDefault ? sql`coalesce(${typed}, ${fallback})` : typed;
    return sql`${kept} AS ${sql.id(column.name)}`;
  });
  const reason = rowProblem(context, fileTypes);
  if (!isLarge) {
    // Most bodies have no bad row, and one pass finds that out.
    const judged = sql`SELECT ${sql.join(columns)}, ${reason} IS NOT NULL AS _bad FROM ${reader}`;
    const stored = await fillColumns(connection, context, judged);
    if (stored !== null) return { rejects: [], stored };
  }
  const raw = sql.join(
    [...fileTypes.keys()].map((name) => sql`${sql.id(name)} := ${sql.id(name)}`),
  );
  const rejects = await connection.rows<{ line: bigint; reason: string; raw: string }>(
    sql`SELECT file_row_number + 1 AS line, ${reason} AS reason, CAST(to_json(struct_pack(${raw})) AS VARCHAR) AS raw
          FROM ${reader}
         WHERE ${reason} IS NOT NULL
         ORDER BY file_row_number
         LIMIT ${sql.literal(limits.maxRejects + 1)}`,
  );
  const good = sql`FROM ${reader} WHERE ${reason} IS NULL`;
  const stored = isLarge
    ? await fillTable(connection, context, sql`SELECT ${sql.join(columns)} ${good}`)
    : await fillColumns(
        connection,
        context,
        sql`SELECT ${sql.join(columns)}, FALSE AS _bad ${good}`,
      );
  return {
    stored: stored ?? 0,
    rejects: rejects.map(({ line, reason: why, raw: text }) => ({
      line: Number(line),
      column: null,
      reason: why,
      raw: text,
    })),
  };
}

async function fillTable(
  connection: Connection,
  { table }: ParquetContext,
  rows: Sql,
): Promise<number> {
  await connection.run(sql`CREATE TABLE ${table} AS ${rows}`);
  const [count] = await connection.rows<{ stored: bigint }>(
    sql`SELECT count(*) AS stored FROM ${table}`,
  );
  return Number(count?.stored ?? 0);
}

/** The last column of `rows` says which are bad; null, and nothing is added, where there is one. */
async function fillColumns(
  connection: Connection,
  { columns }: ParquetContext,
  rows: Sql,
): Promise<number | null> {
  await using stream = await connection.stream(rows);
  for await (const { columns: vectors, rowCount } of stream) {
    const bad = vectors.at(-1);
    if (bad?.data.includes(1) === true) {
      columns.truncate(0);
      return null;
    }
    columns.addVectors(vectors.slice(0, -1), rowCount);
  }
  return columns.rows;
}
