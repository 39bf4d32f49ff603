/** Where records end in a stream of bytes: the only places where a body may be cut. */

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;

export interface RecordBorders {
  /** Takes the next bytes; gives the offset behind the last record that ends in them, or 0. */
  lastIn(chunk: Uint8Array): number;
}

/** In NDJSON every line break ends a record: JSON writes those inside of strings as `\n`. */
export class LineBorders implements RecordBorders {
  lastIn(chunk: Uint8Array): number {
    return chunk.lastIndexOf(LF) + 1;
  }
}

/**
 * In CSV a line break inside quotes belongs to the record. A quote opens only at the start of a
 * field, so that an inch sign in plain text does not swallow the rest of the file.
 */
export class CsvBorders implements RecordBorders {
  #isQuoted = false;
  #isAtFieldStart = true;

  lastIn(chunk: Uint8Array): number {
    if (!this.#isQuoted && !chunk.includes(QUOTE)) return this.#plain(chunk);
    let border = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#isQuoted) {
        // The second of two quotes opens the field again, which is what a doubled quote means.
        if (byte === QUOTE) this.#leaveQuotes();
      } else if (byte === QUOTE && this.#isAtFieldStart) {
        this.#isQuoted = true;
      } else {
        this.#isAtFieldStart = byte === COMMA || byte === LF || byte === CR;
        if (byte === LF) border = at + 1;
      }
    }
    return border;
  }

  #leaveQuotes(): void {
    this.#isQuoted = false;
    this.#isAtFieldStart = true;
  }

  #plain(chunk: Uint8Array): number {
    const last = chunk.at(-1);
    if (last !== undefined) this.#isAtFieldStart = last === COMMA || last === LF || last === CR;
    return chunk.lastIndexOf(LF) + 1;
  }
}

/** The offset behind the first CSV record, or the whole length where it is not finished. */
export function firstRecordEnd(bytes: Uint8Array): number {
  const borders = new CsvBorders();
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf(LF, at);
    if (lineEnd < 0) return bytes.length;
    if (borders.lastIn(bytes.subarray(at, lineEnd + 1)) > 0) return lineEnd + 1;
    at = lineEnd + 1;
  }
}
