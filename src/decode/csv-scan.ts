/**
 * CSV in one fixed dialect (RFC 4180: comma, double quote, a header line): never sniffed, because a
 * sniffer that guesses takes broken files for other dialects.
 */
import { PlainTimeReader } from "./plain-time.ts";
import { BYTE } from "./plain-value.ts";
import { type RowColumn, type RowColumns } from "./row-columns.ts";
import { isRequired, type PlainReader, type RowShape } from "./row-shape.ts";
import { type LineReader, scanLines, type ScanLimits, type ScanTarget } from "./scan.ts";

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
 * Writes plain records into columns and hands the others on. `fileColumns[i]` is the index in the
 * shape of the file's i-th column. Line numbers are physical lines, counted from the header (line
 * 1). Gives the number of rows, plain or not.
 */
export function scanCsv(
  body: Uint8Array,
  header: CsvHeader,
  shape: RowShape,
  fileColumns: readonly number[],
  limits: ScanLimits,
  target: ScanTarget,
): Promise<number> {
  const { columns } = target;
  const reader = new CsvRecords(body, shape, fileColumns, columns, limits.maxEventTimeUs);
  return scanLines(body, { start: header.bodyStart, line: 2 }, reader, limits, target);
}

/** The hot loop over one body. */
class CsvRecords implements LineReader {
  readonly #body: Uint8Array;
  readonly #shape: RowShape;
  readonly #fileColumns: readonly number[];
  /** Columns that the file lacks. */
  readonly #absent: readonly number[];
  readonly #rows: RowColumns;
  readonly #maxEventTimeUs: number;
  readonly #times = new PlainTimeReader();
  /** Of the plain record that was read last. */
  timeUs = 0;

  constructor(
    body: Uint8Array,
    shape: RowShape,
    fileColumns: readonly number[],
    rows: RowColumns,
    maxEventTimeUs: number,
  ) {
    this.#body = body;
    this.#shape = shape;
    this.#fileColumns = fileColumns;
    this.#absent = shape.columns.flatMap((_, index) =>
      fileColumns.includes(index) ? [] : [index],
    );
    this.#rows = rows;
    this.#maxEventTimeUs = maxEventTimeUs;
  }

  plainEnd(start: number): number {
    const body = this.#body;
    const last = this.#fileColumns.length - 1;
    this.#rows.makeRoom();
    let at = start;
    for (let index = 0; index <= last; index++) {
      const isQuoted = body[at] === BYTE.QUOTE;
      const fieldStart = isQuoted ? at + 1 : at;
      const fieldEnd = isQuoted ? quotedEnd(body, fieldStart) : unquotedEnd(body, fieldStart);
      if (fieldEnd < 0) return -1;
      const column = this.#fileColumns[index] as number;
      if (!this.#field(column, fieldStart, fieldEnd, isQuoted)) return -1;
      at = isQuoted ? fieldEnd + 1 : fieldEnd;
      if (index < last) {
        if (body[at] !== BYTE.COMMA) return -1;
        at++;
      }
    }
    if (body[at] === BYTE.CR) at++;
    if (at !== body.length && body[at] !== BYTE.LF) return -1;
    for (const column of this.#absent) this.#rows.setMissing(column);
    return at;
  }

  end(start: number): number {
    return recordEnd(this.#body, start);
  }

  isBlank(start: number, end: number): boolean {
    return end === start || (end === start + 1 && this.#body[start] === BYTE.CR);
  }

  breaks(start: number, end: number): number {
    let count = 0;
    for (let at = start; at < end; at++) if (this.#body[at] === BYTE.LF) count++;
    return count;
  }

  #field(column: number, start: number, end: number, isQuoted: boolean): boolean {
    const plan = this.#shape.columns[column];
    if (plan === undefined) return false;
    const { rows, columns } = this.#rows;
    const into = columns[column] as RowColumn;
    if (start === end && !isQuoted) {
      if (isRequired(plan)) return false;
      this.#rows.setMissing(column);
      return true;
    }
    switch (plan.type.kind) {
      case "text":
        into.setText(rows, this.#body, start, end);
        return true;
      case "boolean": {
        const isTrue = isWord(this.#body, start, end, "true");
        into.setBoolean(rows, isTrue);
        return isTrue || isWord(this.#body, start, end, "false");
      }
      case "json":
        return false;
      case "timestamp": {
        if (this.#times.read(this.#body, start, plan.zone === "UTC") !== end) return false;
        const { timeUs } = this.#times;
        into.setInt64(rows, timeUs);
        if (column !== this.#shape.eventTimeIndex) return true;
        this.timeUs = timeUs;
        return timeUs <= this.#maxEventTimeUs;
      }
      default: {
        const read = this.#shape.readers[column] as PlainReader;
        return read(into, rows, this.#body, start, end);
      }
    }
  }
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

function isWord(body: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let index = 0; index < word.length; index++) {
    if (body[start + index] !== word.charCodeAt(index)) return false;
  }
  return true;
}
