/** Cuts a file into bodies at record borders, so that a large file needs little memory. */
import { KurobeError } from "../core/errors.ts";
import { CsvBorders, firstRecordEnd, LineBorders, type RecordBorders } from "./record-borders.ts";

const LF = 0x0a;

export type FileFormat = "ndjson" | "json" | "csv" | "parquet";

export interface Piece {
  readonly bytes: Uint8Array;
  /** Of its first own byte in the decompressed file. */
  readonly offset: number;
  /** Added to a line number of the body, it gives the line of the file. */
  readonly lineShift: number;
}

export interface SplitOptions {
  readonly format: FileFormat;
  readonly targetBytes: number;
  /** No record, and no file that cannot be cut, may be larger. */
  readonly maxBytes: number;
  /** For messages. */
  readonly path: string;
  /** Leaves out a last record that has no end yet. */
  readonly isGrowing?: boolean;
}

/**
 * Bodies of about `targetBytes`, in order. CSV bodies repeat the header; JSON and Parquet stay
 * whole.
 */
export async function* splitFile(
  chunks: AsyncIterable<Uint8Array>,
  options: SplitOptions,
): AsyncGenerator<Piece> {
  const isCsv = options.format === "csv";
  let header: Uint8Array = new Uint8Array();
  let offset = 0;
  let line = 0;
  for await (const bytes of cut(chunks, options)) {
    const isFirst = offset === 0;
    if (isFirst && isCsv) header = bytes.subarray(0, firstRecordEnd(bytes));
    const repeated = isFirst ? new Uint8Array() : header;
    const lineShift = line - countLines(repeated);
    if (!isBlank(bytes)) yield { bytes: joined([repeated, bytes]), offset, lineShift };
    offset += bytes.length;
    line += countLines(bytes);
  }
}

/**
 * The cuts depend on the bytes alone, not on how they came: a pipe that is sent again is cut at the
 * same places, and its bodies are recognised.
 */
export async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  options: SplitOptions,
): AsyncGenerator<Uint8Array> {
  const borders = bordersOf(options.format);
  const collected = new Collected();
  for await (const chunk of chunks) {
    if (borders === undefined) collected.add(chunk, 0);
    else yield* cutChunk(chunk, borders, collected, options.targetBytes);
    if (collected.sizeBytes > options.maxBytes) throw tooLarge(options);
  }
  const rest = options.isGrowing === true ? collected.borderBytes : collected.sizeBytes;
  if (rest > 0) yield collected.take(rest);
}

/**
 * Fills up to the target and cuts at the last border before it, else at the first one behind it.
 */
function* cutChunk(
  chunk: Uint8Array,
  borders: RecordBorders,
  collected: Collected,
  targetBytes: number,
): Generator<Uint8Array> {
  for (let rest = chunk; rest.length > 0;) {
    const room = targetBytes - collected.sizeBytes;
    const lineEnd = rest.indexOf(LF) + 1;
    const length = room > 0 ? room : lineEnd > 0 ? lineEnd : rest.length;
    const part = rest.subarray(0, length);
    collected.add(part, borders.lastIn(part));
    rest = rest.subarray(length);
    if (collected.sizeBytes >= targetBytes && collected.borderBytes > 0) {
      yield collected.take(collected.borderBytes);
    }
  }
}

/** Bytes that wait for a place where they may be cut. */
class Collected {
  #parts: Uint8Array[] = [];
  sizeBytes = 0;
  /** Up to the last border; 0 where there is none. */
  borderBytes = 0;

  add(part: Uint8Array, border: number): void {
    if (border > 0) this.borderBytes = this.sizeBytes + border;
    this.#parts.push(part);
    this.sizeBytes += part.length;
  }

  take(sizeBytes: number): Uint8Array {
    const whole = joined(this.#parts);
    this.#parts = [whole.subarray(sizeBytes)];
    this.sizeBytes = whole.length - sizeBytes;
    this.borderBytes = 0;
    return whole.subarray(0, sizeBytes);
  }
}

function bordersOf(format: FileFormat): RecordBorders | undefined {
  switch (format) {
    case "ndjson":
      return new LineBorders();
    case "csv":
      return new CsvBorders();
    case "json":
    case "parquet":
      return undefined;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const filled = parts.filter((part) => part.length > 0);
  const [only] = filled;
  return filled.length === 1 && only !== undefined ? only : Buffer.concat(filled);
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) count += 1;
  return count;
}

/** Nothing but spaces and line breaks: the end of many files. */
function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function tooLarge({ format, maxBytes, path }: SplitOptions): KurobeError {
  const isCut = bordersOf(format) !== undefined;
  return new KurobeError(
    "KRB_SOURCES_RECORD",
    isCut
      ? `${path} has a record of more than ${maxBytes} bytes`
      : `${path} has more than ${maxBytes} bytes, and ${format} files are sent whole`,
    {
      hint: isCut
        ? "Check the file for a missing line break or quote."
        : "Send several smaller files.",
    },
  );
}
