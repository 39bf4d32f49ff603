/** A file to send: what it is by its name, and its bytes, decompressed as they are read. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { type Readable, type Transform } from "node:stream";
import * as zlib from "node:zlib";
import { KurobeError } from "../../core/errors.ts";
import { type Terminal } from "../terminal.ts";

export const INPUT_FORMATS = ["ndjson", "json", "csv", "parquet"] as const;
export type InputFormat = (typeof INPUT_FORMATS)[number];

export type Compression = "none" | "gzip" | "brotli" | "zstd";

export interface InputFile {
  /** As the user wrote it; `-` is standard input. */
  readonly path: string;
  /** Null for standard input, which has no end that is known. */
  readonly sizeBytes: number | null;
  readonly format: InputFormat;
  readonly compression: Compression;
  /** Under which a repeated run recognises what was stored; null for standard input. */
  readonly key: string | null;
}

const FORMATS: Readonly<Record<string, InputFormat>> = {
  ndjson: "ndjson",
  jsonl: "ndjson",
  json: "json",
  csv: "csv",
  parquet: "parquet",
};

const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  gz: "gzip",
  br: "brotli",
  zst: "zstd",
};

/** Throws KRB_CLI_FILE and KRB_CLI_FORMAT. A given format wins over the name's ending. */
export async function describeInput(
  path: string,
  format: InputFormat | undefined,
  { workingDirectory }: Terminal,
): Promise<InputFile> {
  if (path === "-") {
    const named = format ?? "ndjson";
    return { path, sizeBytes: null, format: named, compression: "none", key: null };
  }
  const endings = basename(path).toLowerCase().split(".").slice(1);
  const compression = COMPRESSIONS[endings.at(-1) ?? ""] ?? "none";
  const ending = endings.at(compression === "none" ? -1 : -2) ?? "";
  const known = format ?? FORMATS[ending];
  if (known === undefined) {
    throw new KurobeError("KRB_CLI_FORMAT", `${path} has no ending that says what it is`);
  }
  const found = await stat(resolve(workingDirectory, path)).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!found.isFile() && !found.isFIFO()) throw unreadable(path, new Error("it is no file"));
  const sizeBytes = found.isFile() ? found.size : null;
  return { path, sizeBytes, format: known, compression, key: basename(path) };
}

/** Calls `onRead` with the bytes as they are on disk, for progress. */
export async function* readInput(
  input: InputFile,
  { stdin, workingDirectory }: Terminal,
  onRead: (sizeBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const source: Readable =
    input.path === "-"
      ? stdin
      : createReadStream(resolve(workingDirectory, input.path), { highWaterMark: 1 << 20 });
  source.on("data", (chunk: Uint8Array | string) => onRead(chunk.length));
  source.pause();
  const expand = decompressor(input);
  const bytes: Readable = expand === null ? source : source.pipe(expand);
  // `pipe` hands on bytes, not failures.
  if (expand !== null) source.once("error", (error) => expand.destroy(error));
  try {
    for await (const chunk of bytes) yield chunk as Uint8Array;
  } catch (error) {
    throw unreadable(input.path, error);
  } finally {
    if (source !== stdin) source.destroy();
  }
}

function decompressor({ compression, path }: InputFile): Transform | null {
  switch (compression) {
    case "none":
      return null;
    case "gzip":
      return zlib.createGunzip();
    case "brotli":
      return zlib.createBrotliDecompress();
    case "zstd": {
      // In Node from 22.15 on; its types here are older.
      const make = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress;
      if (make !== undefined) return make();
      throw new KurobeError("KRB_CLI_FORMAT", `${path}: this Node cannot read zstd`, {
        hint: `Run Node 22.15 or later, or pipe it: zstdcat ${path} | kurobe ingest <dataset> -`,
      });
    }
  }
}

function unreadable(path: string, cause: unknown): KurobeError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const why =
    code === "ENOENT"
      ? "there is no such file"
      : cause instanceof Error
        ? cause.message
        : String(cause);
  return new KurobeError("KRB_CLI_FILE", `${path} cannot be read: ${why}`, { cause });
}
