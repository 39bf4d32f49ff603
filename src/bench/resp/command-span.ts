/** Finds commands in the bytes of a batch: only those that have to be sent again need this. */

export interface CommandSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Where each of the first `count` commands lies; the bytes are commands that we wrote ourselves.
 */
export function commandSpans(bytes: Buffer, count: number): readonly CommandSpan[] {
  const spans: CommandSpan[] = [];
  let at = 0;
  for (let command = 0; command < count; command++) {
    const start = at;
    const header = lineNumber(bytes, at);
    at = header.next;
    for (let argument = 0; argument < header.number; argument++) {
      const length = lineNumber(bytes, at);
      at = length.next + length.number + 2;
    }
    spans.push({ start, end: at });
  }
  return spans;
}

/** Of `*3\r\n` or `$12\r\n`. */
function lineNumber(bytes: Buffer, at: number): { readonly number: number; readonly next: number } {
  const end = bytes.indexOf(13, at);
  return { number: Number(bytes.toString("latin1", at + 1, end)), next: end + 2 };
}
