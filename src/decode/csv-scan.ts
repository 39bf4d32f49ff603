/**
 * CSV in one fixed dialect (RFC 4180: comma, double quote, a header line): never sniffed, because a
 * sniffer that guesses takes broken files for other dialects.
 */
import { BYTE, plainTimestamp } from "./plain-value.ts";
import { type RowShape } from "./row-shape.ts";
import {
  followedBy,
  NO_ROWS,
  type Scan,
  type ScanLimits,
  type SuspectLine,
  type TimeOrder,
} from "./scan.ts";

export interface CsvHeader {
  /** Names as they stand in the header, unquoted. */
  readonly names: readonly string[];
  /** Offset of the first byte behind the header line. */
  readonly bodyStart: number;
}

export function readCsvHeader(body: Uint8Array): CsvHeader {
  const bodyStart = recordEnd(body, 0) + 1;
  const fields = splitCsvRecord(
    Buffer.from(body.subarray(0, Math.min(bodyStart - 1, body.length))).toString(),
  );
  return {
    names: fields.map((field) => field.text.trim()),
    bodyStart: Math.min(bodyStart, body.length),
  };
}

export interface CsvField {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** A record without its line break, taken apart. An unfinished quote runs to the end. */
export function splitCsvRecord(record: string): readonly CsvField[] {
  const fields: CsvField[] = [];
  let at = 0;
  for (;;) {
    if (record[at] === '"') {
      let text = "";
      for (;;) {
        const quote = record.indexOf('"', at + 1);
        if (quote < 0) return [...fields, { text: text + record.slice(at + 1), isQuoted: true }];
        text += record.slice(at + 1, quote);
        at = quote + 1;
        if (record[at] !== '"') break;
        text += '"';
      }
      const comma = record.indexOf(",", at);
      const rest = record.slice(at, comma < 0 ? record.length : comma);
      fields.push({ text: text + rest, isQuoted: true });
      if (comma < 0) return fields;
      at = comma + 1;
    } else {
      const comma = record.indexOf(",", at);
      fields.push({ text: record.slice(at, comma < 0 ? record.length : comma), isQuoted: false });
      if (comma < 0) return fields;
      at = comma + 1;
    }
  }
}

/**
 * Offset of the line break that ends the record at `start`: line breaks inside quotes do not count.
 */
function recordEnd(body: Uint8Array, start: number): number {
  let isQuoted = false;
  for (let at = start; at < body.length; at++) {
    const byte = body[at];
    if (byte === BYTE.QUOTE) isQuoted = !isQuoted;
    else if (byte === BYTE.LF && !isQuoted) return at;
  }
  return body.length;
}

/**
 * `fileColumns[i]` is the index in the shape of the file's i-th column. Line numbers are physical
 * lines, counted from the header (line 1).
 */
export function scanCsv(
  body: Uint8Array,
  header: CsvHeader,
  shape: RowShape,
  fileColumns: readonly number[],
  limits: ScanLimits,
): Scan {
  const suspects: SuspectLine[] = [];
  let rows = 0;
  let line = 2;
  let start = header.bodyStart;
  let hasBlankLines = false;
  const clock = new RowClock(limits.maxEventTimeUs);
  while (start < body.length) {
    let end = plainRecordEnd(body, start, shape, fileColumns, clock);
    let lines = 1;
    const isPlain = end >= 0 && end - start <= limits.maxLineBytes;
    if (isPlain) {
      clock.note();
    } else {
      end = recordEnd(body, start);
      lines += countLineBreaks(body, start, end);
      if (isBlankRecord(body, start, end)) {
        hasBlankLines = true;
        line += 1;
        start = end + 1;
        continue;
      }
      suspects.push({ line, start, end });
    }
    rows++;
    line += lines;
    start = end + 1;
  }
  return { rows, suspects, hasBlankLines, order: clock.order };
}

/** Follows the event times of plain rows. */
class RowClock {
  readonly #limitUs: number;
  #timeUs = 0;
  order: TimeOrder = NO_ROWS;

  constructor(limitUs: number) {
    this.#limitUs = limitUs;
  }

  see(timeUs: number): boolean {
    this.#timeUs = timeUs;
    return timeUs <= this.#limitUs;
  }

  note(): void {
    this.order = followedBy(this.order, {
      minUs: this.#timeUs,
      maxUs: this.#timeUs,
      disorderUs: 0,
    });
  }
}

function isBlankRecord(body: Uint8Array, start: number, end: number): boolean {
  return end === start || (end === start + 1 && body[start] === BYTE.CR);
}

function countLineBreaks(body: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (body[at] === BYTE.LF) count++;
  return count;
}

/** Offset of the record's line break when every field is plain, else -1. */
function plainRecordEnd(
  body: Uint8Array,
  start: number,
  shape: RowShape,
  fileColumns: readonly number[],
  clock: RowClock,
): number {
  let at = start;
  for (let index = 0; index < fileColumns.length; index++) {
    const isQuoted = body[at] === BYTE.QUOTE;
    const fieldStart = isQuoted ? at + 1 : at;
    const fieldEnd = isQuoted ? quotedEnd(body, fieldStart) : unquotedEnd(body, fieldStart);
    if (fieldEnd < 0) return -1;
    if (
      !isPlainField(
        body,
        fieldStart,
        fieldEnd,
        isQuoted,
        shape,
        fileColumns[index] as number,
        clock,
      )
    ) {
      return -1;
    }
    at = isQuoted ? fieldEnd + 1 : fieldEnd;
    if (index < fileColumns.length - 1) {
      if (body[at] !== BYTE.COMMA) return -1;
      at++;
    }
  }
  if (body[at] === BYTE.CR) at++;
  return at === body.length || body[at] === BYTE.LF ? at : -1;
}

function quotedEnd(body: Uint8Array, start: number): number {
  for (let at = start; at < body.length; at++) {
    const byte = body[at] as number;
    if (byte === BYTE.QUOTE) return body[at + 1] === BYTE.QUOTE ? -1 : at;
    if (byte < BYTE.SPACE) return -1;
  }
  return -1;
}

function unquotedEnd(body: Uint8Array, start: number): number {
  let at = start;
  for (; at < body.length; at++) {
    const byte = body[at] as number;
    if (byte === BYTE.COMMA || byte === BYTE.LF || byte === BYTE.CR) return at;
    if (byte === BYTE.QUOTE || byte < BYTE.SPACE) return -1;
  }
  return at;
}

function isPlainField(
  body: Uint8Array,
  start: number,
  end: number,
  isQuoted: boolean,
  shape: RowShape,
  column: number,
  clock: RowClock,
): boolean {
  const plan = shape.columns[column];
  if (plan === undefined) return false;
  if (start === end && !isQuoted) return plan.nullable || plan.default !== undefined;
  switch (plan.type.kind) {
    case "text":
      return true;
    case "boolean":
      return isWord(body, start, end, "true") || isWord(body, start, end, "false");
    case "json":
      return false;
    case "timestamp": {
      const timeUs = plainTimestamp(body, start, end, plan.zone === "UTC");
      if (Number.isNaN(timeUs)) return false;
      return column !== shape.eventTimeIndex || clock.see(timeUs);
    }
    default:
      return (shape.checks[column] as RowShape["checks"][number])(body, start, end);
  }
}

function isWord(body: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let index = 0; index < word.length; index++) {
    if (body[start + index] !== word.charCodeAt(index)) return false;
  }
  return true;
}
