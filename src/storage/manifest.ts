/** The versioned list of everything that is durable, swapped by an atomic rename. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Disk, diskErrorCode } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { type Plan } from "../plan/plan.ts";

export const MANIFEST_FORMAT = 1;
/** How many manifests stay: the newest, and two to fall back on. */
export const MANIFESTS_KEPT = 3;

/** One immutable Parquet file of one stored table. Times are microseconds, as text. */
export interface ChunkRecord {
  readonly id: number;
  readonly dataset: string;
  /** The event day of its first row, `yyyy-mm-dd`; a chunk of several days says so by its times. */
  readonly partition: string;
  /** Relative to the data directory, with forward slashes. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly minEventTimeUs: string;
  readonly maxEventTimeUs: string;
  readonly minSeq: number;
  readonly maxSeq: number;
  readonly sha256: string;
  /** Names of the dataset's columns in the file, hidden ones aside. */
  readonly columns: readonly string[];
  readonly tier: "hot";
}

export interface FileRecord {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  readonly number: number;
  readonly createdAtUs: string;
  readonly reason: string;
  readonly plan: Plan;
  readonly logId: string;
  /** Everything up to and with this position is in the chunks and the state. */
  readonly position: number;
  readonly chunks: readonly ChunkRecord[];
  readonly state: FileRecord;
  readonly nextChunkId: number;
}

const SAFE_PATH = /^(?:chunks|state)(?:\/[A-Za-z0-9_.-]+)+$/;

/** Restores and reads follow these paths, so none may lead out of the data directory. */
export function isSafePath(path: string): boolean {
  return SAFE_PATH.test(path) && !path.split("/").some((part) => part === "." || part === "..");
}

function manifestPath(directory: string, number: number): string {
  return join(directory, "manifest", `${String(number).padStart(10, "0")}.json`);
}

/** Durable when it returns: the file, its name, and the pointer to it. */
export async function writeManifest(
  disk: Disk,
  directory: string,
  manifest: Manifest,
): Promise<void> {
  await disk.makeDirectory(join(directory, "manifest"));
  const body = JSON.stringify(manifest);
  const text = `${sha256Of(Buffer.from(body))}\n${body}\n`;
  await replaceFile(disk, manifestPath(directory, manifest.number), Buffer.from(text));
  await disk.syncDirectory(join(directory, "manifest"));
  await replaceFile(disk, join(directory, "CURRENT"), Buffer.from(`${manifest.number}\n`));
  await disk.syncDirectory(directory);
}

/** Writes a temporary neighbour, syncs it, and renames it: readers see the old file or the new one. */
export async function replaceFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  {
    await using file = await disk.open(temporary, "create");
    await file.write([bytes], 0);
    await file.sync();
  }
  await disk.rename(temporary, path);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export interface CurrentManifest {
  readonly manifest: Manifest;
  /** Newer manifests that could not be read, and why. */
  readonly skipped: readonly string[];
}

/**
 * The newest manifest that is whole, with its state file; null for a new directory. Falls back on older
 * ones, and throws KRB_STORAGE_NO_MANIFEST where manifests exist and none of them can be read.
 */
export async function readCurrentManifest(
  disk: Disk,
  directory: string,
): Promise<CurrentManifest | null> {
  const numbers = await manifestNumbers(disk, directory);
  if (numbers.length === 0) {
    if (await exists(disk, join(directory, "CURRENT")))
      throw noManifest(directory, ["CURRENT names a manifest, and there is none"]);
    return null;
  }
  const skipped: string[] = [];
  for (const number of numbers.toReversed()) {
    const read = await readManifest(disk, directory, number);
    if (typeof read !== "string") return { manifest: read, skipped };
    skipped.push(`manifest ${number}: ${read}`);
  }
  throw noManifest(directory, skipped);
}

function noManifest(directory: string, reasons: readonly string[]): KurobeError {
  return new KurobeError(
    "KRB_STORAGE_NO_MANIFEST",
    `no manifest in ${directory} can be read: ${reasons.join("; ")}`,
    { details: { reasons } },
  );
}

/** Numbers of the manifests in the directory, oldest first. */
export async function manifestNumbers(disk: Disk, directory: string): Promise<readonly number[]> {
  const names = await disk.list(join(directory, "manifest"));
  return names
    .flatMap((name) => {
      const match = /^(\d{10})\.json$/.exec(name);
      return match?.[1] === undefined ? [] : [Number(match[1])];
    })
    .sort((a, b) => a - b);
}

/** The manifest, or what is wrong with it. */
export async function readManifest(
  disk: Disk,
  directory: string,
  number: number,
): Promise<Manifest | string> {
  let text: string;
  try {
    text = Buffer.from(await disk.readFile(manifestPath(directory, number))).toString();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const end = text.indexOf("\n");
  const body = text.slice(end + 1).trimEnd();
  if (text.slice(0, end) !== sha256Of(Buffer.from(body))) return "its checksum does not match";
  const manifest = JSON.parse(body) as Manifest;
  if (manifest.format !== MANIFEST_FORMAT) {
    throw new KurobeError(
      "KRB_STORAGE_FORMAT",
      `manifest ${number} has format ${String(manifest.format)}; this version reads ${MANIFEST_FORMAT}`,
    );
  }
  const unsafe = [manifest.state, ...manifest.chunks].find((file) => !isSafePath(file.path));
  if (unsafe !== undefined) return `the path ${JSON.stringify(unsafe.path)} leads elsewhere`;
  return (await stateProblem(disk, directory, manifest.state)) ?? manifest;
}

async function stateProblem(
  disk: Disk,
  directory: string,
  state: FileRecord,
): Promise<string | undefined> {
  try {
    const bytes = await disk.readFile(join(directory, state.path));
    return sha256Of(bytes) === state.sha256
      ? undefined
      : `the checksum of ${state.path} does not match`;
  } catch (error) {
    return `${state.path}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function exists(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.sizeBytes(path);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}
