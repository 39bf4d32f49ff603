/** Finds and removes files that no manifest names: left by crashes, merges and old checkpoints. */
import { join } from "node:path";
import { type Disk, diskErrorCode } from "../core/disk.ts";
import { manifestPath, type Manifest } from "./manifest.ts";

export interface SweepPlan {
  /** Ours, and needed by nobody: paths relative to the data directory, as all of these. */
  readonly remove: readonly string[];
  /** Not written by Kurobe; never touched. */
  readonly foreign: readonly string[];
}

const FOLDERS = ["chunks", "state", "manifest"] as const;
const OURS = /^(?:chunks\/.+\.parquet|(?:state|manifest)\/\d{10}\.json(?:\.tmp)?)$/;
/** Manifests that could not be read stay for whoever looks into it. */
const EVIDENCE = /^manifest\/\d{10}\.json(?:\.set-aside)?$/;

/**
 * Which files of the listing can go. `inUse` names those that a running checkpoint, merge or
 * statement still needs; since one process holds the directory's lock, nobody else writes there.
 * Without a manifest nothing goes, because then nothing is known.
 */
export function planSweep(
  listing: readonly string[],
  kept: readonly Manifest[],
  inUse: ReadonlySet<string> = new Set(),
): SweepPlan {
  const named = new Set<string>();
  for (const manifest of kept) {
    named.add(manifestPath(manifest.number));
    for (const file of [manifest.state, ...manifest.chunks]) named.add(file.path);
  }
  const oldest = manifestPath(Math.min(...kept.map((manifest) => manifest.number)));
  const isFree = (path: string): boolean =>
    !named.has(path) && !inUse.has(path) && !(EVIDENCE.test(path) && path >= oldest);
  const ours = listing.filter((path) => OURS.test(path));
  return {
    remove: kept.length === 0 ? [] : ours.filter(isFree),
    foreign: listing.filter((path) => !OURS.test(path) && !EVIDENCE.test(path)),
  };
}

/** All files of the folders that manifests speak of, relative to the data directory, sorted. */
export async function listFiles(disk: Disk, directory: string): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for (const name of await disk.list(join(directory, path))) {
      const child = `${path}/${name}`;
      // No directory of ours has a dot and an ending like these.
      if (/\.(?:parquet|json|tmp|set-aside)$/.test(name)) found.push(child);
      else if (await isDirectory(disk, join(directory, child))) await visit(child);
      else found.push(child);
    }
  };
  for (const folder of FOLDERS) await visit(folder);
  return found.sort();
}

async function isDirectory(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.list(path);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === "ENOTDIR") return false;
    throw error;
  }
}

/**
 * Removes what `planSweep` finds, and tells what that was. Removals may be undone by a power loss.
 */
export async function sweep(
  disk: Disk,
  directory: string,
  kept: readonly Manifest[],
  inUse: ReadonlySet<string> = new Set(),
): Promise<readonly string[]> {
  const { remove } = planSweep(await listFiles(disk, directory), kept, inUse);
  for (const path of remove) {
    try {
      await disk.remove(join(directory, path));
    } catch (error) {
      if (diskErrorCode(error) !== "ENOENT") throw error;
    }
  }
  return remove;
}
