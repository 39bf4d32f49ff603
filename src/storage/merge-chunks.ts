/** Rewrites the chunks of a merge as one. */
import { join } from "node:path";
import { assert, KurobeError } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { chunkRelation } from "./chunk-reader.ts";
import { type ChunkTarget, writeChunks } from "./chunk-writer.ts";
import { fileProblem } from "./file-hash.ts";
import { type ChunkRecord } from "./manifest-format.ts";
import { type Merge } from "./merge.ts";

export interface MergeSource {
  readonly dataset: DatasetPlan;
  readonly hasTombstones: boolean;
  readonly merge: Merge;
  /**
   * One row a key in all of them together, also where a key may repeat on different days. Then
   * `merge` must have all chunks of the table.
   */
  readonly settles?: boolean;
}

/**
 * Gives the chunks that take the place of the merged ones, which stay where they are. With a key,
 * the newest row of each key is kept, so that in `merge.wholeDays` no key repeats where the key has
 * the event time in it; rows that were taken back go where nothing older can be left. Throws
 * KRB_STORAGE_DAMAGED, and writes nothing, where a file is not what it was: its damage would get a
 * fresh checksum.
 */
export async function mergeChunks(
  target: ChunkTarget,
  { dataset, hasTombstones, merge, settles = false }: MergeSource,
): Promise<readonly ChunkRecord[]> {
  for (const chunk of merge.chunks) await checkChunk(target, chunk);
  const hidden = hasTombstones ? ["_deleted", "_seq"] : ["_seq"];
  const rows = chunkRelation(dataset, hidden, merge.chunks, target.directory, {});
  assert(rows !== null, "a merge has chunks");
  if (settles) {
    const names = [...dataset.columns.map((column) => column.name), ...hidden];
    const newest = sql`(SELECT ${sql.join(names.map((name) => sql.id(name)))} FROM ${rows} AS r
      QUALIFY row_number() OVER (PARTITION BY ${keyOf(dataset)} ORDER BY _seq DESC) = 1)`;
    return writeChunks(target, { dataset, rows: newest, hasTombstones, dropDeleted: true });
  }
  return writeChunks(target, {
    dataset,
    rows,
    hasTombstones,
    dropDeleted: merge.isWhole,
    expectedRows: merge.chunks.reduce((sum, chunk) => sum + chunk.rows, 0),
  });
}

function keyOf(dataset: DatasetPlan): Sql {
  return sql.join(dataset.key.map((name) => sql.id(name)));
}

async function checkChunk({ disk, directory }: ChunkTarget, chunk: ChunkRecord): Promise<void> {
  const problem = await fileProblem(disk, join(directory, chunk.path), chunk);
  if (problem === null) return;
  throw new KurobeError("KRB_STORAGE_DAMAGED", `${chunk.path} cannot be merged: ${problem}`, {
    details: { path: chunk.path, dataset: chunk.dataset, partition: chunk.partition },
  });
}
