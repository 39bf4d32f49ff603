/** Checks every file that a manifest names: DuckDB and Parquet do not notice most flipped bits. */
import { join } from "node:path";
import { type Disk } from "../core/disk.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { fileProblem } from "./file-hash.ts";
import { type ChunkRecord, type Manifest } from "./manifest.ts";
import { countParquetRows } from "./parquet-file.ts";
import { listFiles, planSweep } from "./sweep.ts";

export interface VerifiedFile {
  readonly path: string;
  readonly bytes: number;
  /** Files checked so far, this one included, and files in all. */
  readonly done: number;
  readonly total: number;
  /** What the rows in it belong to; null for operator state. */
  readonly dataset: string | null;
  readonly partition: string | null;
  readonly problem: string | null;
}

export interface VerifyOptions {
  /** With it, the rows of each chunk are counted too. */
  readonly connection?: Connection | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Paths that were checked already, and are left out. */
  readonly without?: ReadonlySet<string> | undefined;
}

/** One result a file, in the manifest's order. A problem is a result, not an error. */
export async function* verifyManifest(
  disk: Disk,
  directory: string,
  manifest: Manifest,
  options: VerifyOptions = {},
): AsyncGenerator<VerifiedFile> {
  const { state } = manifest;
  const isNew = ({ path }: { readonly path: string }): boolean =>
    options.without?.has(path) !== true;
  const chunks = manifest.chunks.filter(isNew);
  const before = isNew(state) ? 1 : 0;
  const total = chunks.length + before;
  if (before === 1) {
    yield {
      path: state.path,
      bytes: state.bytes,
      done: 1,
      total,
      dataset: null,
      partition: null,
      problem: await fileProblem(disk, join(directory, state.path), state),
    };
  }
  for (const [index, chunk] of chunks.entries()) {
    options.signal?.throwIfAborted();
    const { path, bytes, dataset, partition } = chunk;
    const file = join(directory, path);
    const problem =
      (await fileProblem(disk, file, chunk)) ?? (await rowProblem(options, file, chunk));
    yield { path, bytes, done: index + 1 + before, total, dataset, partition, problem };
  }
}

async function rowProblem(
  { connection }: VerifyOptions,
  file: string,
  { rows }: ChunkRecord,
): Promise<string | null> {
  if (connection === undefined) return null;
  try {
    const found = await countParquetRows(connection, file);
    return found === rows ? null : `it has ${found} rows, the manifest says ${rows}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Files of ours that no kept manifest names. Harmless: the next start removes them. */
export async function findOrphans(
  disk: Disk,
  directory: string,
  kept: readonly Manifest[],
): Promise<readonly string[]> {
  return planSweep(await listFiles(disk, directory), kept).remove;
}
