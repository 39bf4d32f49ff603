/**
 * Walks over an NDJSON body once, writes plain lines into columns and hands the others on. A line
 * is plain when every key is a column, no key comes twice, every required column is there, and
 * every value has a form whose meaning is beyond doubt.
 */
import { compactJson } from "./json-line.ts";
import { BYTE, plainTimestamp } from "./plain-value.ts";
import { type RowColumn, type RowColumns } from "./row-columns.ts";
import { type PlainReader, type RowShape } from "./row-shape.ts";
import { type ScanLimits, type ScanTarget, Turns } from "./scan.ts";

/** How far a nested JSON value may go before the exact lane has to look at it. */
const MAX_PLAIN_DEPTH = 32;

/** Bytes that stand for themselves inside a JSON string. */
const IS_PLAIN_TEXT = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= BYTE.SPACE && byte !== BYTE.QUOTE && byte !== BYTE.BACKSLASH ? 1 : 0,
);
const IS_NUMBER = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte >= BYTE.ZERO && byte <= BYTE.NINE) || byte === BYTE.MINUS || byte === BYTE.DOT ? 1 : 0,
);

/** Gives the number of rows, plain or not; blank lines do not count. */
export async function scanNdjson(
  body: Uint8Array,
  shape: RowShape,
  limits: ScanLimits,
  { columns, clock, onSuspect }: ScanTarget,
): Promise<number> {
  const scanner = new LineScanner(body, shape, columns, limits.maxEventTimeUs);
  const turns = new Turns();
  let rows = 0;
  let line = 0;
  for (let start = 0; start < body.length;) {
    if (turns.isOver(start)) await turns.next(start);
    line++;
    let end = limits.everyLine ? -1 : scanner.plainLineEnd(start);
    if (end >= 0 && end - start <= limits.maxLineBytes) {
      columns.add();
      clock.note(scanner.timeUs);
      rows++;
    } else {
      columns.abandon();
      end = lineEnd(body, start);
      if (!isBlank(body, start, end)) {
        rows++;
        if (!onSuspect({ line, start, end })) return rows;
      }
    }
    start = end + 1;
  }
  return rows;
}

function lineEnd(body: Uint8Array, start: number): number {
  const end = body.indexOf(BYTE.LF, start);
  return end < 0 ? body.length : end;
}

export function isBlank(body: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = body[at] as number;
    if (byte !== BYTE.SPACE && byte !== BYTE.TAB && byte !== BYTE.CR) return false;
  }
  return true;
}

/** The hot loop. It keeps its place in fields, so that its steps are small functions. */
class LineScanner {
  readonly #body: Uint8Array;
  readonly #shape: RowShape;
  readonly #maxEventTimeUs: number;
  readonly #kinds: readonly string[];
  readonly #readers: readonly PlainReader[];
  readonly #rows: RowColumns;
  readonly #columns: readonly RowColumn[];
  /** Number of the last line in which a column was seen: no clearing between lines. */
  readonly #seenInLine: Int32Array;
  #lineNumber = 0;
  #at = 0;
  #row = 0;
  /** Whether the string that was read last has a backslash. */
  #hasEscape = false;
  /** Of the plain line that was read last. */
  timeUs = 0;

  constructor(body: Uint8Array, shape: RowShape, rows: RowColumns, maxEventTimeUs: number) {
    this.#body = body;
    this.#rows = rows;
    this.#columns = rows.columns;
    this.#readers = shape.readers;
    this.#shape = shape;
    this.#maxEventTimeUs = maxEventTimeUs;
    this.#kinds = shape.columns.map((column) => column.type.kind);
    this.#seenInLine = new Int32Array(shape.columns.length).fill(-1);
  }

  /**
   * Offset of the line's end when the line is plain, else -1. The row is written and does not count
   * yet.
   */
  plainLineEnd(start: number): number {
    const body = this.#body;
    this.#rows.makeRoom();
    this.#row = this.#rows.rows;
    this.#at = start;
    this.#lineNumber++;
    this.#skipSpace();
    if (body[this.#at] !== BYTE.OPEN) return -1;
    this.#at++;
    let expected = 0;
    for (let more = true; more;) {
      this.#skipSpace();
      const column = this.#key(expected);
      if (column < 0) return -1;
      expected = column + 1;
      if (this.#seenInLine[column] === this.#lineNumber) return -1;
      if (!this.#value(column)) return -1;
      this.#skipSpace();
      const next = body[this.#at];
      this.#at++;
      if (next === BYTE.CLOSE) more = false;
      else if (next !== BYTE.COMMA) return -1;
    }
    for (const column of this.#shape.requiredIndexes) {
      if (this.#seenInLine[column] !== this.#lineNumber) return -1;
    }
    this.#skipSpace();
    if (body[this.#at] === BYTE.CR) this.#at++;
    if (this.#at !== body.length && body[this.#at] !== BYTE.LF) return -1;
    for (const column of this.#shape.optionalIndexes) {
      if (this.#seenInLine[column] !== this.#lineNumber) this.#rows.setMissing(column);
    }
    return this.#at;
  }

  #skipSpace(): void {
    const body = this.#body;
    while (body[this.#at] === BYTE.SPACE || body[this.#at] === BYTE.TAB) this.#at++;
  }

  /**
   * Reads `"key":` and gives its column; rows mostly repeat one order, so `expected` is tried
   * first.
   */
  #key(expected: number): number {
    if (this.#body[this.#at] !== BYTE.QUOTE) return -1;
    this.#at++;
    const { keys } = this.#shape;
    const count = keys.length;
    for (let turn = 0; turn < count; turn++) {
      let column = expected + turn;
      if (column >= count) column -= count;
      if (column < count && this.#matches(keys[column] as Uint8Array)) {
        this.#at += (keys[column] as Uint8Array).length + 1;
        this.#skipSpace();
        if (this.#body[this.#at] !== BYTE.COLON) return -1;
        this.#at++;
        this.#skipSpace();
        return column;
      }
    }
    return -1;
  }

  #matches(key: Uint8Array): boolean {
    const body = this.#body;
    const start = this.#at;
    for (let index = 0; index < key.length; index++) {
      if (body[start + index] !== key[index]) return false;
    }
    return body[start + key.length] === BYTE.QUOTE;
  }

  #value(column: number): boolean {
    const first = this.#body[this.#at] as number;
    if (first === 110 /* n */) {
      // A null counts as missing: a required column stays unseen, and the exact lane says so.
      return this.#word("null");
    }
    this.#seenInLine[column] = this.#lineNumber;
    const kind = this.#kinds[column] as string;
    switch (kind) {
      case "text":
        return this.#textValue(column);
      case "timestamp":
        return this.#timestamp(column);
      case "date":
        return this.#quoted(column);
      case "boolean":
        (this.#columns[column] as RowColumn).setBoolean(this.#row, first === 116 /* t */);
        return this.#word(first === 116 ? "true" : "false");
      case "json":
        return this.#json(column);
      default:
        return this.#number(column);
    }
  }

  #word(word: string): boolean {
    for (let index = 0; index < word.length; index++) {
      if (this.#body[this.#at + index] !== word.charCodeAt(index)) return false;
    }
    this.#at += word.length;
    return true;
  }

  #number(column: number): boolean {
    const body = this.#body;
    const start = this.#at;
    let at = start;
    while (IS_NUMBER[body[at] as number] === 1) at++;
    this.#at = at;
    return this.#read(column, start, at);
  }

  #read(column: number, start: number, end: number): boolean {
    const read = this.#readers[column] as PlainReader;
    return read(this.#columns[column] as RowColumn, this.#row, this.#body, start, end);
  }

  #timestamp(column: number): boolean {
    const start = this.#at + 1;
    if (!this.#text()) return false;
    const zoneless = this.#shape.columns[column]?.zone === "UTC";
    const timeUs = plainTimestamp(this.#body, start, this.#at - 1, zoneless);
    // Doubles hold microseconds exactly from 1684 to 2255.
    if (!Number.isSafeInteger(timeUs)) return false;
    (this.#columns[column] as RowColumn).setInt64(this.#row, timeUs);
    if (column !== this.#shape.eventTimeIndex) return true;
    this.timeUs = timeUs;
    return timeUs <= this.#maxEventTimeUs;
  }

  #quoted(column: number): boolean {
    const start = this.#at + 1;
    return this.#text() && this.#read(column, start, this.#at - 1);
  }

  #textValue(column: number): boolean {
    const start = this.#at + 1;
    if (!this.#text()) return false;
    const into = this.#columns[column] as RowColumn;
    if (!this.#hasEscape) {
      into.setText(this.#row, this.#body, start, this.#at - 1);
      return true;
    }
    const text = Buffer.from(JSON.parse(this.#slice(start - 1, this.#at)) as string);
    into.setText(this.#row, text, 0, text.length);
    return true;
  }

  /** Kept as it came, without the space between its parts. */
  #json(column: number): boolean {
    const start = this.#at;
    if (!this.#nested()) return false;
    const text = this.#slice(start, this.#at);
    try {
      JSON.parse(text);
    } catch {
      return false;
    }
    const bytes = Buffer.from(compactJson(text));
    (this.#columns[column] as RowColumn).setText(this.#row, bytes, 0, bytes.length);
    return true;
  }

  #slice(start: number, end: number): string {
    const { buffer, byteOffset } = this.#body;
    return Buffer.from(buffer, byteOffset + start, end - start).toString();
  }

  /** A string with nothing but plain bytes and the one-letter escapes. */
  #text(): boolean {
    const body = this.#body;
    if (body[this.#at] !== BYTE.QUOTE) return false;
    let at = this.#at + 1;
    this.#hasEscape = false;
    for (;;) {
      while (IS_PLAIN_TEXT[body[at] as number] === 1) at++;
      const byte = body[at];
      if (byte === BYTE.QUOTE) break;
      // Behind the end, or a control character, or an escape that is not of one letter.
      if (byte !== BYTE.BACKSLASH || !isSimpleEscape(body[at + 1])) return false;
      this.#hasEscape = true;
      at += 2;
    }
    this.#at = at + 1;
    return true;
  }

  /** An object or array of bounded depth; whether it is JSON is left to a parser. */
  #nested(): boolean {
    const body = this.#body;
    let depth = 0;
    for (;;) {
      const byte = body[this.#at];
      if (byte === undefined || byte < BYTE.SPACE) return false;
      if (byte === BYTE.QUOTE) {
        // A value that is text has one canonical form, which the exact lane knows.
        if (depth === 0 || !this.#text()) return false;
      } else if (byte === BYTE.OPEN || byte === 91 /* [ */) {
        if (++depth > MAX_PLAIN_DEPTH) return false;
        this.#at++;
      } else if (byte === BYTE.CLOSE || byte === 93 /* ] */) {
        if (depth === 0) return false;
        depth--;
        this.#at++;
      } else if (depth === 0) {
        return false;
      } else {
        this.#at++;
      }
      if (depth === 0) return true;
    }
  }
}

function isSimpleEscape(byte: number | undefined): boolean {
  // \" \\ \/ \b \f \n \r \t; \u may hide a lone surrogate or a NUL, so the exact lane reads it.
  return (
    byte === BYTE.QUOTE ||
    byte === BYTE.BACKSLASH ||
    byte === 47 ||
    byte === 98 ||
    byte === 102 ||
    byte === 110 ||
    byte === 114 ||
    byte === 116
  );
}
