/** One file of a source: what it is by its name, who it is, and its bytes from a place on. */
import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import { KurobeError } from "../core/errors.ts";
import { firstRecordEnd } from "./record-borders.ts";
import { type FileFormat } from "./split-file.ts";

/** So many first bytes tell a file from another one that got the same place on the disk later. */
const HEAD_BYTES = 1024;
/** A header line of CSV is no longer than this. */
const MAX_HEADER_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1 << 20;

export interface FileKind {
  readonly format: FileFormat;
  readonly compression: "none" | "gzip" | "brotli";
}

const FORMATS: Readonly<Record<string, FileFormat>> = {
  ndjson: "ndjson",
  jsonl: "ndjson",
  json: "json",
  csv: "csv",
  parquet: "parquet",
};

/** Throws KRB_SOURCES_FILE for an ending that says nothing. */
export function kindOf(path: string, format: FileFormat | null): FileKind {
  const parts = basename(path).toLowerCase().split(".").slice(1);
  // Rotation appends numbers and dates.
  const endings = parts.filter((part) => !/^[\d-]+$/.test(part));
  const last = endings.at(-1);
  const compression = last === "gz" ? "gzip" : last === "br" ? "brotli" : "none";
  const ending = endings.at(compression === "none" ? -1 : -2) ?? "";
  const known = format ?? FORMATS[ending];
  if (known !== undefined) return { format: known, compression };
  throw new KurobeError("KRB_SOURCES_FILE", `${path} has no ending that says what it is`, {
    hint: 'Name the format in the project: files({ …, format: "ndjson" }).',
  });
}

/** What tells a file again after a restart, wherever it has been moved meanwhile. */
export interface Identity {
  readonly key: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

export interface Head {
  readonly hash: string;
  readonly bytes: number;
}

/** A file that stays the same one while it is open, whatever happens to its name. */
export interface OpenedFile extends AsyncDisposable {
  readonly path: string;
  readonly handle: FileHandle;
  readonly identity: Identity;
}

/** Undefined where it is gone. Throws KRB_SOURCES_FILE where it cannot be opened. */
export async function openFile(path: string): Promise<OpenedFile | undefined> {
  const handle = await open(path, "r").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw unreadable(path, error);
  });
  if (handle === undefined) return undefined;
  // Some file systems count their files beyond what a double holds.
  const { dev, ino, size, mtimeNs } = await handle.stat({ bigint: true });
  const identity = {
    key: `${dev}:${ino}`,
    sizeBytes: Number(size),
    mtimeMs: Number(mtimeNs) / 1e6,
  };
  return { path, handle, identity, [Symbol.asyncDispose]: () => handle.close() };
}

/** The hash of the first bytes, at most `HEAD_BYTES` and at most `limit`. */
export async function headOf({ handle }: OpenedFile, limit = HEAD_BYTES): Promise<Head> {
  const buffer = Buffer.alloc(Math.min(limit, HEAD_BYTES));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
  const bytes = buffer.subarray(0, bytesRead);
  return { hash: createHash("sha256").update(bytes).digest("base64url"), bytes: bytes.length };
}

/** Of a CSV file, with its line break. */
export async function csvHeaderOf(file: OpenedFile, kind: FileKind): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of readFrom(file, kind, 0)) {
    pieces.push(chunk);
    sizeBytes += chunk.length;
    const all = Buffer.concat(pieces);
    const end = firstRecordEnd(all);
    if (end < all.length || all.at(-1) === 10) return all.subarray(0, end);
    if (sizeBytes > MAX_HEADER_BYTES) break;
  }
  const all = Buffer.concat(pieces);
  return all.subarray(0, firstRecordEnd(all));
}

/**
 * The decompressed bytes from `offset` on, as far as the file went when it was opened. Throws
 * KRB_SOURCES_FILE.
 */
export async function* readFrom(
  { path, handle, identity }: OpenedFile,
  { compression }: FileKind,
  offset: number,
): AsyncGenerator<Uint8Array> {
  try {
    if (compression === "none") {
      yield* bytesOf(handle, offset, identity.sizeBytes);
      return;
    }
    const expand = compression === "gzip" ? createGunzip() : createBrotliDecompress();
    const source = Readable.from(bytesOf(handle, 0, identity.sizeBytes), { objectMode: false });
    // `pipe` hands on bytes, not failures.
    source.once("error", (error) => expand.destroy(error));
    expand.on("error", () => undefined);
    let skip = offset;
    try {
      for await (const chunk of source.pipe(expand) as AsyncIterable<Uint8Array>) {
        const rest = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - rest.length;
        if (rest.length > 0) yield rest;
      }
    } finally {
      source.destroy();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** A stream over the handle would close it, and the file could then become another one. */
async function* bytesOf(
  handle: FileHandle,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function unreadable(path: string, cause: unknown): KurobeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KurobeError("KRB_SOURCES_FILE", `${path} cannot be read: ${reason}`, { cause });
}
