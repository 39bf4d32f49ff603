/** The versioned list of everything that is durable, swapped by an atomic rename. */
import { join } from "node:path";
import { type Disk, diskErrorCode } from "../core/disk.ts";
import { assert, KurobeError } from "../core/errors.ts";
import { diskFailure } from "./disk-failure.ts";
import { sha256Of } from "./file-hash.ts";
import {
  decodeManifest,
  encodeManifest,
  type FileRecord,
  type Manifest,
} from "./manifest-format.ts";

export {
  type ChunkRecord,
  type FileRecord,
  type Manifest,
  MANIFEST_FORMAT,
} from "./manifest-format.ts";
export { sha256Of } from "./file-hash.ts";

/** How many manifests stay: the newest, and two to fall back on. */
export const MANIFESTS_KEPT = 3;

const FOLDER = "manifest";

/** Relative to the data directory. */
export function manifestPath(number: number): string {
  return `${FOLDER}/${String(number).padStart(10, "0")}.json`;
}

/**
 * Durable when it returns: the file, its name, and the pointer to it. The rename of the file is
 * what counts: a crash after it and before the pointer leaves the new manifest in force.
 */
export async function writeManifest(
  disk: Disk,
  directory: string,
  manifest: Manifest,
): Promise<void> {
  const bytes = encodeManifest(manifest);
  const problem = decodeManifest(bytes, manifest.number);
  assert(typeof problem !== "string", `manifest ${manifest.number} could not be read back`);
  const folder = join(directory, FOLDER);
  await disk.makeDirectory(folder);
  await setAsideAfter(disk, directory, manifest.number);
  await replaceFile(disk, join(directory, manifestPath(manifest.number)), bytes);
  await disk.syncDirectory(folder);
  const pointer = Buffer.from(`${manifest.number} ${sha256Of(bytes)}\n`);
  await replaceFile(disk, join(directory, "CURRENT"), pointer);
  await disk.syncDirectory(directory);
}

/**
 * Manifests with higher numbers are from a history that was given up because they could not be
 * read. If they could be read again later, they must not win over the newer ones that lack their
 * number.
 */
async function setAsideAfter(disk: Disk, directory: string, number: number): Promise<void> {
  for (const later of await manifestNumbers(disk, directory)) {
    if (later <= number) continue;
    const path = join(directory, manifestPath(later));
    await disk.rename(path, `${path}.set-aside`);
  }
}

/**
 * Writes a temporary neighbour, syncs it, and renames it: readers see the old file or the new one.
 * Durable after a sync of the directory.
 */
export async function replaceFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    {
      await using file = await disk.open(temporary, "create");
      await file.write([bytes], 0);
      await file.sync();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    // Half a file on a full disk would only make it fuller.
    await disk.remove(temporary).catch(() => undefined);
    throw diskFailure(path, error);
  }
}

export interface CurrentManifest {
  readonly manifest: Manifest;
  /** In words for people: newer manifests that could not be used, and a pointer that is wrong. */
  readonly skipped: readonly string[];
}

/**
 * The newest manifest that is whole, with its state file; null for a new directory. Falls back on
 * older ones, and throws KRB_STORAGE_NO_MANIFEST where manifests were written and none of them can
 * be used.
 */
export async function readCurrentManifest(
  disk: Disk,
  directory: string,
): Promise<CurrentManifest | null> {
  const numbers = await manifestNumbers(disk, directory);
  const pointer = await readPointer(disk, directory);
  if (numbers.length === 0 && pointer.kind === "missing") return null;
  const skipped: string[] = [...pointerProblem(pointer, numbers)];
  for (const number of numbers.toReversed()) {
    const manifest = await readManifest(disk, directory, number);
    if (typeof manifest !== "string") return { manifest, skipped };
    skipped.push(`manifest ${number}: ${manifest}`);
  }
  throw new KurobeError(
    "KRB_STORAGE_NO_MANIFEST",
    `no manifest in ${directory} can be read: ${skipped.join("; ")}`,
    { details: { reasons: skipped } },
  );
}

type Pointer =
  | { readonly kind: "missing" }
  | { readonly kind: "damaged"; readonly reason: string }
  | { readonly kind: "named"; readonly number: number };

/** A witness: without it a lost newest manifest would go unnoticed. */
async function readPointer(disk: Disk, directory: string): Promise<Pointer> {
  const bytes = await readOrReason(disk, join(directory, "CURRENT"));
  if (bytes === null) return { kind: "missing" };
  if (typeof bytes === "string") return { kind: "damaged", reason: bytes };
  const match = /^(\d{1,10}) [0-9a-f]{64}\n$/.exec(Buffer.from(bytes).toString("latin1"));
  return match === null
    ? { kind: "damaged", reason: "it names no manifest" }
    : { kind: "named", number: Number(match[1]) };
}

function pointerProblem(pointer: Pointer, numbers: readonly number[]): readonly string[] {
  const newest = numbers.at(-1) ?? 0;
  switch (pointer.kind) {
    case "missing":
      // A crash while the first one was written leaves no pointer.
      return newest <= 1 ? [] : ["CURRENT is missing"];
    case "damaged":
      return [`CURRENT: ${pointer.reason}`];
    case "named":
      return pointer.number > newest
        ? [`manifest ${pointer.number}: CURRENT names it, and it is missing`]
        : [];
  }
}

/** Numbers of the manifests in the directory, oldest first. */
export async function manifestNumbers(disk: Disk, directory: string): Promise<readonly number[]> {
  const names = await disk.list(join(directory, FOLDER));
  return names
    .flatMap((name) => {
      const match = /^(\d{10})\.json$/.exec(name);
      return match?.[1] === undefined ? [] : [Number(match[1])];
    })
    .sort((a, b) => a - b);
}

/** The manifest, or in words why it cannot be used. */
export async function readManifest(
  disk: Disk,
  directory: string,
  number: number,
): Promise<Manifest | string> {
  const bytes = await readOrReason(disk, join(directory, manifestPath(number)));
  if (bytes === null) return "it is missing";
  if (typeof bytes === "string") return bytes;
  const manifest = decodeManifest(bytes, number);
  if (typeof manifest === "string") return manifest;
  return (await stateProblem(disk, directory, manifest.state)) ?? manifest;
}

async function stateProblem(
  disk: Disk,
  directory: string,
  state: FileRecord,
): Promise<string | undefined> {
  const bytes = await readOrReason(disk, join(directory, state.path));
  if (bytes === null) return `${state.path} is missing`;
  if (typeof bytes === "string") return `${state.path}: ${bytes}`;
  if (sha256Of(bytes) === state.sha256) return undefined;
  return `the checksum of ${state.path} does not match`;
}

/**
 * Bytes; null for a missing file; or why they cannot be read, if the medium is to blame. Whatever
 * may be different in a minute (permissions, too many open files) is thrown: falling back on an
 * older manifest would be wrong then.
 */
async function readOrReason(disk: Disk, path: string): Promise<Uint8Array | string | null> {
  try {
    return await disk.readFile(path);
  } catch (error) {
    const code = diskErrorCode(error);
    if (code === "ENOENT") return null;
    if (code === "EIO") return "the disk cannot read it (EIO)";
    throw diskFailure(path, error);
  }
}
