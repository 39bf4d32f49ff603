/**
 * Walks over an NDJSON body once, writes plain lines into columns and hands the others on. A line
 * is plain when every key is a column, no key comes twice, every required column is there, and
 * every value has a form whose meaning is beyond doubt.
 */
import { compactJson } from "./json-line.ts";
import { PlainTimeReader } from "./plain-time.ts";
import { BYTE } from "./plain-value.ts";
import { type RowColumn, type RowColumns } from "./row-columns.ts";
import { type PlainReader, type RowShape } from "./row-shape.ts";
import { type LineReader, scanLines, type ScanLimits, type ScanTarget } from "./scan.ts";

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
export function scanNdjson(
  body: Uint8Array,
  shape: RowShape,
  limits: ScanLimits,
  target: ScanTarget,
): Promise<number> {
  const reader = new JsonLines(body, shape, target.columns, limits.maxEventTimeUs);
  return scanLines(body, { start: 0, line: 1 }, reader, limits, target);
}

/**
 * The hot loop. Steps take an offset and give the one behind what they read, or -1: an offset that
 * stays in a register is quicker than one in a field.
 */
class JsonLines implements LineReader {
  readonly #body: Uint8Array;
  readonly #shape: RowShape;
  readonly #maxEventTimeUs: number;
  readonly #kinds: readonly string[];
  /** `"name":` of each column. */
  readonly #openings: readonly Uint8Array[];
  readonly #rows: RowColumns;
  readonly #columns: readonly RowColumn[];
  readonly #times = new PlainTimeReader();
  /** Twice the number of the last line that has the column, and one more where it is not null. */
  readonly #seen: Int32Array;
  #lineNumber = 0;
  #row = 0;
  /** The column of the key that was read last. */
  #column = 0;
  /** Whether the string that was read last has a backslash. */
  #hasEscape = false;
  /** Of the plain line that was read last. */
  timeUs = 0;

  constructor(body: Uint8Array, shape: RowShape, rows: RowColumns, maxEventTimeUs: number) {
    this.#body = body;
    this.#rows = rows;
    this.#columns = rows.columns;
    this.#shape = shape;
    this.#maxEventTimeUs = maxEventTimeUs;
    this.#kinds = shape.columns.map((column) => column.type.kind);
    this.#openings = shape.keys.map((key) => Buffer.concat([QUOTE, key, QUOTE, COLON]));
    this.#seen = new Int32Array(shape.columns.length).fill(-1);
  }

  plainEnd(start: number): number {
    const body = this.#body;
    this.#rows.makeRoom();
    this.#row = this.#rows.rows;
    const mark = 2 * ++this.#lineNumber;
    let at = skipSpace(body, start);
    if (body[at] !== BYTE.OPEN) return -1;
    let expected = 0;
    for (;;) {
      at = this.#key(skipSpace(body, at + 1), expected);
      if (at < 0) return -1;
      const column = this.#column;
      expected = column + 1;
      if ((this.#seen[column] as number) >= mark) return -1;
      if (body[at] === 110 /* n */) {
        // A null counts as missing: the exact lane says so where the column is required.
        this.#seen[column] = mark;
        at = this.#word(at, "null");
      } else {
        this.#seen[column] = mark + 1;
        at = this.#value(column, at);
      }
      if (at < 0) return -1;
      at = skipSpace(body, at);
      if (body[at] === BYTE.CLOSE) break;
      if (body[at] !== BYTE.COMMA) return -1;
    }
    return this.#hasAll(mark + 1) ? this.#end(at + 1) : -1;
  }

  end(start: number): number {
    const end = this.#body.indexOf(BYTE.LF, start);
    return end < 0 ? this.#body.length : end;
  }

  isBlank(start: number, end: number): boolean {
    for (let at = start; at < end; at++) {
      const byte = this.#body[at] as number;
      if (byte !== BYTE.SPACE && byte !== BYTE.TAB && byte !== BYTE.CR) return false;
    }
    return true;
  }

  breaks(): number {
    return 0;
  }

  #hasAll(mark: number): boolean {
    for (const column of this.#shape.requiredIndexes) {
      if (this.#seen[column] !== mark) return false;
    }
    for (const column of this.#shape.optionalIndexes) {
      if (this.#seen[column] !== mark) this.#rows.setMissing(column);
    }
    return true;
  }

  #end(start: number): number {
    const body = this.#body;
    let at = skipSpace(body, start);
    if (body[at] === BYTE.CR) at++;
    return at === body.length || body[at] === BYTE.LF ? at : -1;
  }

  /** Reads `"key":`; rows mostly repeat one order, so `expected` is tried first. */
  #key(at: number, expected: number): number {
    const body = this.#body;
    const opening = this.#openings[expected];
    if (opening === undefined) return this.#anyKey(at);
    for (let index = 0; index < opening.length; index++) {
      if (body[at + index] !== opening[index]) return this.#anyKey(at);
    }
    this.#column = expected;
    return skipSpace(body, at + opening.length);
  }

  #anyKey(start: number): number {
    const body = this.#body;
    if (body[start] !== BYTE.QUOTE) return -1;
    const { keys } = this.#shape;
    for (let column = 0; column < keys.length; column++) {
      const key = keys[column] as Uint8Array;
      if (!isAt(body, start + 1, key) || body[start + 1 + key.length] !== BYTE.QUOTE) continue;
      this.#column = column;
      const at = skipSpace(body, start + key.length + 2);
      return body[at] === BYTE.COLON ? skipSpace(body, at + 1) : -1;
    }
    return -1;
  }

  #value(column: number, at: number): number {
    const into = this.#columns[column] as RowColumn;
    switch (this.#kinds[column]) {
      case "text":
        return this.#textValue(into, at);
      case "timestamp":
        return this.#timestamp(into, column, at);
      case "date": {
        const end = this.#text(at);
        return end >= 0 && this.#read(into, column, at + 1, end - 1) ? end : -1;
      }
      case "boolean": {
        const isTrue = this.#body[at] === 116; /* t */
        into.setBoolean(this.#row, isTrue);
        return this.#word(at, isTrue ? "true" : "false");
      }
      case "json":
        return this.#json(into, at);
      default: {
        const body = this.#body;
        let end = at;
        while (IS_NUMBER[body[end] as number] === 1) end++;
        return this.#read(into, column, at, end) ? end : -1;
      }
    }
  }

  #word(at: number, word: string): number {
    for (let index = 0; index < word.length; index++) {
      if (this.#body[at + index] !== word.charCodeAt(index)) return -1;
    }
    return at + word.length;
  }

  #read(into: RowColumn, column: number, start: number, end: number): boolean {
    const read = this.#shape.readers[column] as PlainReader;
    return read(into, this.#row, this.#body, start, end);
  }

  #timestamp(into: RowColumn, column: number, at: number): number {
    if (this.#body[at] !== BYTE.QUOTE) return -1;
    const zoneless = this.#shape.columns[column]?.zone === "UTC";
    const end = this.#times.read(this.#body, at + 1, zoneless);
    if (end < 0 || this.#body[end] !== BYTE.QUOTE) return -1;
    const { timeUs } = this.#times;
    into.setInt64(this.#row, timeUs);
    if (column === this.#shape.eventTimeIndex) {
      this.timeUs = timeUs;
      if (timeUs > this.#maxEventTimeUs) return -1;
    }
    return end + 1;
  }

  #textValue(into: RowColumn, at: number): number {
    const end = this.#text(at);
    if (end < 0) return -1;
    if (!this.#hasEscape) {
      into.setText(this.#row, this.#body, at + 1, end - 1);
      return end;
    }
    const text = Buffer.from(JSON.parse(this.#slice(at, end)) as string);
    into.setText(this.#row, text, 0, text.length);
    return end;
  }

  /** Kept as it came, without the space between its parts. */
  #json(into: RowColumn, at: number): number {
    const end = this.#nested(at);
    if (end < 0) return -1;
    const text = this.#slice(at, end);
    try {
      JSON.parse(text);
    } catch {
      return -1;
    }
    const bytes = Buffer.from(compactJson(text));
    into.setText(this.#row, bytes, 0, bytes.length);
    return end;
  }

  #slice(start: number, end: number): string {
    const { buffer, byteOffset } = this.#body;
    return Buffer.from(buffer, byteOffset + start, end - start).toString();
  }

  /** A string with nothing but plain bytes and the one-letter escapes. */
  #text(start: number): number {
    const body = this.#body;
    if (body[start] !== BYTE.QUOTE) return -1;
    let at = start + 1;
    this.#hasEscape = false;
    for (;;) {
      while (IS_PLAIN_TEXT[body[at] as number] === 1) at++;
      const byte = body[at];
      if (byte === BYTE.QUOTE) return at + 1;
      // Behind the end, or a control character, or an escape that is not of one letter.
      if (byte !== BYTE.BACKSLASH || !isSimpleEscape(body[at + 1])) return -1;
      this.#hasEscape = true;
      at += 2;
    }
  }

  /** An object or array of bounded depth; whether it is JSON is left to a parser. */
  #nested(start: number): number {
    const body = this.#body;
    let depth = 0;
    for (let at = start; ; at++) {
      const byte = body[at];
      if (byte === undefined || byte < BYTE.SPACE) return -1;
      if (byte === BYTE.OPEN || byte === 91 /* [ */) {
        if (++depth > MAX_PLAIN_DEPTH) return -1;
      } else if (depth === 0) {
        // A value that is text has one canonical form, which the exact lane knows.
        return -1;
      } else if (byte === BYTE.QUOTE) {
        at = this.#text(at) - 1;
        if (at < 0) return -1;
      } else if (byte === BYTE.CLOSE || byte === 93 /* ] */) {
        if (--depth === 0) return at + 1;
      }
    }
  }
}

const QUOTE = Buffer.from('"');
const COLON = Buffer.from(":");

function skipSpace(body: Uint8Array, start: number): number {
  let at = start;
  while (body[at] === BYTE.SPACE || body[at] === BYTE.TAB) at++;
  return at;
}

function isAt(body: Uint8Array, start: number, bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) {
    if (body[start + index] !== bytes[index]) return false;
  }
  return true;
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
