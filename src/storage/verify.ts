/** Checks every file that a manifest names: DuckDB and Parquet do not notice most flipped bits. */
import { join } from "node:path";
import { type Disk } from "../core/disk.ts";
import { hashFile } from "./chunk-writer.ts";
import { type Manifest } from "./manifest.ts";

export interface VerifiedFile {
  readonly path: string;
  readonly bytes: number;
  /** Files checked so far, this one included, and files in all. */
  readonly done: number;
  readonly total: number;
  readonly problem: string | null;
}

/** One result a file, in the manifest's order. A problem is a result, not an error. */
export async function* verifyManifest(
  disk: Disk,
  directory: string,
  manifest: Manifest,
): AsyncGenerator<VerifiedFile> {
  const files = [manifest.state, ...manifest.chunks];
  let done = 0;
  for (const { path, bytes, sha256 } of files) {
    done++;
    yield {
      path,
      bytes,
      done,
      total: files.length,
      problem: await problemOf(disk, join(directory, path), bytes, sha256),
    };
  }
}

async function problemOf(
  disk: Disk,
  path: string,
  bytes: number,
  sha256: string,
): Promise<string | null> {
  try {
    const found = await hashFile(disk, path);
    if (found.bytes !== bytes) return `it has ${found.bytes} bytes, the manifest says ${bytes}`;
    return found.sha256 === sha256
      ? null
      : "its SHA-256 differs from the manifest's: the file is damaged";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
