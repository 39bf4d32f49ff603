/** Text values: escaped for JSON, quoted for CSV, copied where neither is needed. */
import { type ColumnVector } from "../../duckdb/duckdb.ts";
import { type Bytes } from "./bytes.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COMMA = 0x2c;
const SPACE = 0x20;

const ESCAPES: Readonly<Record<number, string>> = {
  8: String.raw`\b`,
  9: String.raw`\t`,
  10: String.raw`\n`,
  12: String.raw`\f`,
  13: String.raw`\r`,
  [QUOTE]: String.raw`\"`,
  [BACKSLASH]: String.raw`\\`,
};

/** The text in a row of a vector, or a text itself. DuckDB's text is always valid UTF-8. */
export function writeText(
  out: Bytes,
  source: ColumnVector | string,
  row: number,
  dialect: "json" | "csv",
): void {
  if (typeof source === "string") {
    const bytes = Buffer.from(source);
    csv(out, bytes, 0, bytes.length);
    return;
  }
  // Up to 12 bytes lie in the vector itself; a view for each would cost more than the copy.
  const { data } = source;
  const header = row * 16;
  const size = data[header] ?? 0;
  const isInline =
    size <= 12 && data[header + 1] === 0 && data[header + 2] === 0 && data[header + 3] === 0;
  const bytes = isInline ? data : source.bytesAt(row);
  const from = isInline ? header + 4 : 0;
  const to = isInline ? from + size : bytes.length;
  if (dialect === "csv") csv(out, bytes, from, to);
  else if (source.column.type === "JSON") oneLine(out, bytes, from, to);
  else json(out, bytes, from, to);
}

function json(out: Bytes, bytes: Uint8Array, from: number, to: number): void {
  out.byte(QUOTE);
  let copied = from;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) continue;
    out.raw(bytes, copied, at);
    out.ascii(ESCAPES[byte] ?? `\\u${byte.toString(16).padStart(4, "0")}`);
    copied = at + 1;
  }
  out.raw(bytes, copied, to);
  out.byte(QUOTE);
}

/** JSON stays JSON. Line breaks in it can only be white space, and would end an NDJSON row. */
function oneLine(out: Bytes, bytes: Uint8Array, from: number, to: number): void {
  let copied = from;
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) continue;
    out.raw(bytes, copied, at);
    out.byte(SPACE);
    copied = at + 1;
  }
  out.raw(bytes, copied, to);
}

/** An empty text is `""`: nothing at all is NULL. */
function csv(out: Bytes, bytes: Uint8Array, from: number, to: number): void {
  let needsQuotes = from === to;
  for (let at = from; at < to && !needsQuotes; at++) {
    const byte = bytes[at];
    needsQuotes =
      byte === COMMA || byte === QUOTE || byte === LINE_FEED || byte === CARRIAGE_RETURN;
  }
  if (!needsQuotes) {
    out.raw(bytes, from, to);
    return;
  }
  out.byte(QUOTE);
  let copied = from;
  for (let at = from; at < to; at++) {
    if (bytes[at] !== QUOTE) continue;
    out.raw(bytes, copied, at + 1);
    copied = at;
  }
  out.raw(bytes, copied, to);
  out.byte(QUOTE);
}
