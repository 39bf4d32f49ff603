/** Where a result goes and what it looks like there. */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { KurobeError } from "../../core/errors.ts";
import { writeSlowly } from "../output.ts";
import { chunksOf } from "../read-lines.ts";
import { type Terminal } from "../terminal.ts";

export const SQL_FORMATS = ["table", "json", "ndjson", "csv", "arrow", "parquet"] as const;
export type SqlFormat = (typeof SQL_FORMATS)[number];

/** What is asked for with `Accept`. A table is drawn from JSON. */
export const ACCEPT: Readonly<Record<SqlFormat, string>> = {
  table: "application/json",
  json: "application/json",
  ndjson: "application/x-ndjson",
  csv: "text/csv",
  arrow: "application/vnd.apache.arrow.stream",
  parquet: "application/vnd.apache.parquet",
};

const BINARY: readonly SqlFormat[] = ["arrow", "parquet"];

const ENDINGS: Readonly<Record<string, SqlFormat>> = {
  json: "json",
  ndjson: "ndjson",
  jsonl: "ndjson",
  csv: "csv",
  arrow: "arrow",
  arrows: "arrow",
  parquet: "parquet",
};

export interface FormatChoice {
  readonly format: string | undefined;
  readonly outputPath: string | undefined;
  readonly isJson: boolean;
}

/** What was asked for, else what the file's name says, else a table on a screen and in a pipe. */
export function chooseFormat(
  { format, outputPath, isJson }: FormatChoice,
  { stdout }: Terminal,
): SqlFormat {
  const byName = ENDINGS[outputPath?.split(".").at(-1)?.toLowerCase() ?? ""];
  const chosen = (format as SqlFormat | undefined) ?? byName ?? (isJson ? "json" : "table");
  if (outputPath === undefined && BINARY.includes(chosen) && stdout.isTTY === true) {
    throw new KurobeError("KRB_CLI_USAGE", `${chosen} is not for the screen`, {
      hint: `Add --output result.${chosen}, or pipe it to another program.`,
    });
  }
  return chosen;
}

/** The result as it comes, byte for byte. */
export async function copyToStdout(response: Response, { stdout }: Terminal): Promise<void> {
  for await (const chunk of chunksOf(response)) await writeSlowly(stdout, chunk);
}

/** The file appears when it is whole; a broken answer leaves what was there before. */
export async function saveResult(
  response: Response,
  path: string,
  { workingDirectory }: Terminal,
): Promise<number> {
  const target = resolve(workingDirectory, path);
  const unfinished = `${target}.unfinished`;
  let sizeBytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunksOf(response)) {
      sizeBytes += chunk.length;
      yield chunk;
    }
  };
  try {
    await pipeline(Readable.from(counted()), createWriteStream(unfinished));
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    const isOfDisk = error instanceof Error && "syscall" in error;
    if (!isOfDisk) throw error;
    throw new KurobeError("KRB_CLI_FILE", `${path} cannot be written: ${error.message}`, {
      cause: error,
    });
  }
  return sizeBytes;
}
