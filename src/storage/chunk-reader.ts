/** SQL over chunks: the files that can hold rows of a time range, one `read_parquet` a schema. */
import { join } from "node:path";
import { sql, type Sql } from "../core/sql.ts";
import { type ColumnPlan, type DatasetPlan } from "../plan/plan.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import { type ChunkRecord, type ColumnRecord } from "./manifest-format.ts";
import { parquetFile } from "./parquet-file.ts";

export interface ChunkRange {
  /** Event time, microseconds, inclusive. */
  readonly fromUs?: bigint | undefined;
  /** Event time, microseconds, exclusive. */
  readonly toUs?: bigint | undefined;
  /** `_seq`, exclusive. */
  readonly afterSeq?: number | undefined;
  /** `_seq`, inclusive. */
  readonly throughSeq?: number | undefined;
}

/**
 * A sub-select with all stored columns (hidden ones too), or null when no chunk can hold such rows.
 * Only files are left out: rows of the others may lie outside of the range.
 */
export function chunkRelation(
  dataset: DatasetPlan,
  hidden: readonly string[],
  chunks: readonly ChunkRecord[],
  directory: string,
  range: ChunkRange,
): Sql | null {
  const chosen = chunks.filter((chunk) => overlaps(chunk, range));
  if (chosen.length === 0) return null;
  const parts = [...groupBySchema(chosen).values()].map((group) =>
    readFiles(dataset, hidden, group, directory),
  );
  return sql`(${sql.join(parts, " UNION ALL ")})`;
}

/**
 * `read_parquet` takes the types of its first file and fails where another's values do not fit
 * them, and `union_by_name` opens every file to plan a statement: so files of one schema are read
 * together.
 */
function groupBySchema(
  chunks: readonly ChunkRecord[],
): ReadonlyMap<string, readonly ChunkRecord[]> {
  const groups = new Map<string, ChunkRecord[]>();
  for (const chunk of chunks) {
    const name = JSON.stringify(chunk.columns);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [chunk]);
    else group.push(chunk);
  }
  return groups;
}

function overlaps(chunk: ChunkRecord, range: ChunkRange): boolean {
  if (range.fromUs !== undefined && BigInt(chunk.maxEventTimeUs) < range.fromUs) return false;
  if (range.toUs !== undefined && BigInt(chunk.minEventTimeUs) >= range.toUs) return false;
  if (range.afterSeq !== undefined && chunk.maxSeq <= range.afterSeq) return false;
  return range.throughSeq === undefined || chunk.minSeq <= range.throughSeq;
}

function readFiles(
  dataset: DatasetPlan,
  hidden: readonly string[],
  chunks: readonly ChunkRecord[],
  directory: string,
): Sql {
  const files = sql.join(chunks.map((chunk) => parquetFile(join(directory, chunk.path))));
  const stored = new Map(chunks[0]?.columns.map((column) => [column.name, column]));
  const columns = dataset.columns.map((column) => readColumn(column, stored.get(column.name)));
  const names = [...columns, ...hidden.map((name) => sql.id(name))];
  return sql`SELECT ${sql.join(names)} FROM read_parquet([${files}])`;
}

/** A column that came later than the file reads as its default, or as null. */
function readColumn(column: ColumnPlan, stored: ColumnRecord | undefined): Sql {
  const name = sql.id(column.name);
  const typeName = columnTypeToDuckdb(column.type);
  const type = sql.keyword(typeName);
  if (stored === undefined) {
    return sql`CAST(${sql.literal(column.default ?? null)} AS ${type}) AS ${name}`;
  }
  // A column whose type was changed since reads as far as its values fit.
  return stored.type === typeName ? name : sql`TRY_CAST(${name} AS ${type}) AS ${name}`;
}
