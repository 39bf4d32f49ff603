/** SQL over chunks: the files that can hold rows of a time range, one `read_parquet` a schema. */
import { join } from "node:path";
import { sql, type Sql } from "../core/sql.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import { type ChunkRecord } from "./manifest.ts";

export interface TimeRange {
  /** Microseconds, inclusive. */
  readonly fromUs?: bigint | undefined;
  /** Microseconds, exclusive. */
  readonly toUs?: bigint | undefined;
}

/** A sub-select with all stored columns (hidden ones too), or null when no chunk can hold such rows. */
export function chunkRelation(
  dataset: DatasetPlan,
  hidden: readonly string[],
  chunks: readonly ChunkRecord[],
  directory: string,
  range: TimeRange,
): Sql | null {
  const chosen = chunks.filter((chunk) => overlaps(chunk, range));
  if (chosen.length === 0) return null;
  const parts = [...groupBySchema(chosen).values()].map((group) =>
    readFiles(dataset, hidden, group, directory),
  );
  return sql`(${sql.join(parts, " UNION ALL ")})`;
}

function groupBySchema(
  chunks: readonly ChunkRecord[],
): ReadonlyMap<string, readonly ChunkRecord[]> {
  const groups = new Map<string, ChunkRecord[]>();
  for (const chunk of chunks) {
    const name = chunk.columns.join("\n");
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [chunk]);
    else group.push(chunk);
  }
  return groups;
}

function overlaps(chunk: ChunkRecord, range: TimeRange): boolean {
  if (range.fromUs !== undefined && BigInt(chunk.maxEventTimeUs) < range.fromUs) return false;
  return range.toUs === undefined || BigInt(chunk.minEventTimeUs) < range.toUs;
}

/** A column that came later than the file reads as its default, or as null. */
function readFiles(
  dataset: DatasetPlan,
  hidden: readonly string[],
  chunks: readonly ChunkRecord[],
  directory: string,
): Sql {
  const files = sql.join(chunks.map((chunk) => sql.literal(join(directory, chunk.path))));
  const present = new Set(chunks[0]?.columns);
  const columns = dataset.columns.map((column) => {
    const name = sql.id(column.name);
    const type = sql.keyword(columnTypeToDuckdb(column.type));
    // A column whose type was changed since reads as far as its values fit; else this costs nothing.
    if (present.has(column.name)) return sql`TRY_CAST(${name} AS ${type}) AS ${name}`;
    return sql`CAST(${sql.literal(column.default ?? null)} AS ${type}) AS ${name}`;
  });
  const names = [...columns, ...hidden.map((name) => sql.id(name))];
  return sql`SELECT ${sql.join(names)} FROM read_parquet([${files}])`;
}
