/**
 * A JSON document (one object, or an array of them) becomes NDJSON, byte for byte, without a parse.
 */
import { BYTE } from "./plain-value.ts";

export type JsonDocument =
  | { readonly kind: "lines"; readonly body: Buffer }
  | { readonly kind: "problem"; readonly reason: string };

const OPEN_LIST = 91;
const CLOSE_LIST = 93;

/**
 * Line n of the result is element n. What is wrong inside an element is for the line scanner to
 * find.
 */
export function jsonDocumentToLines(document: Uint8Array): JsonDocument {
  const start = skipSpace(document, 0);
  const first = document[start];
  if (first === BYTE.OPEN)
    return { kind: "lines", body: flatten(document, start, document.length) };
  if (first !== OPEN_LIST) {
    return { kind: "problem", reason: "expected a JSON object or an array of objects" };
  }
  const out = flatten(document, start + 1, document.length);
  let depth = 0;
  let isOpen = true;
  for (let at = 0; at < out.length; at++) {
    const byte = out[at];
    if (byte === BYTE.QUOTE) {
      at = stringEnd(out, at);
    } else if (byte === BYTE.OPEN || byte === OPEN_LIST) {
      depth++;
    } else if (byte === BYTE.COMMA && depth === 0) {
      out[at] = BYTE.LF;
    } else if (byte === BYTE.CLOSE || byte === CLOSE_LIST) {
      if (depth > 0) {
        depth--;
      } else if (byte === CLOSE_LIST && isOpen && skipSpace(out, at + 1) === out.length) {
        isOpen = false;
        out[at] = BYTE.SPACE;
      } else {
        return {
          kind: "problem",
          reason: `unexpected byte behind the JSON array, at byte ${start + at + 2}`,
        };
      }
    }
  }
  if (isOpen)
    return { kind: "problem", reason: "the JSON array does not end: the body was cut short" };
  return { kind: "lines", body: out };
}

/**
 * A copy in which line breaks are spaces. Inside a string a raw line break is wrong: it becomes
 * another byte that is wrong there, so that the line scanner still finds it.
 */
function flatten(document: Uint8Array, start: number, end: number): Buffer {
  const out = Buffer.from(document.subarray(start, end));
  const hasBreaks = out.includes(BYTE.LF) || out.includes(BYTE.CR);
  if (!hasBreaks) return out;
  for (let at = 0; at < out.length; at++) {
    const byte = out[at];
    if (byte === BYTE.LF || byte === BYTE.CR) {
      out[at] = BYTE.SPACE;
    } else if (byte === BYTE.QUOTE) {
      const close = stringEnd(out, at);
      for (let inside = at; inside < close; inside++) {
        if (out[inside] === BYTE.LF || out[inside] === BYTE.CR) out[inside] = 1;
      }
      at = close;
    }
  }
  return out;
}

function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte !== BYTE.SPACE && byte !== BYTE.TAB && byte !== BYTE.LF && byte !== BYTE.CR) break;
    at++;
  }
  return at;
}

function stringEnd(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === BYTE.BACKSLASH) at++;
    else if (bytes[at] === BYTE.QUOTE) return at;
  }
  return bytes.length;
}
