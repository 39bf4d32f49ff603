/** Takes one JSON text apart without losing digits: the pieces that `exactValue` looks at. */
import { type Token } from "./token.ts";

export type JsonLine =
  | { readonly kind: "object"; readonly members: readonly (readonly [string, Token])[] }
  | { readonly kind: "problem"; readonly reason: string; readonly column?: number };

/** Deep enough for any record of a person's making; far from what crashes a parser. */
const MAX_DEPTH = 64;

/**
 * Members come in order, repeated keys included. Reasons name the column (1-based character) where
 * known.
 */
export function readJsonLine(text: string): JsonLine {
  if (depthOf(text) > MAX_DEPTH)
    return { kind: "problem", reason: `nested deeper than ${MAX_DEPTH} levels` };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return malformed(text, error);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { kind: "problem", reason: "expected a JSON object" };
  }
  return { kind: "object", members: membersOf(text) };
}

function malformed(text: string, error: unknown): JsonLine {
  const message = error instanceof Error ? error.message : String(error);
  const position = /position (\d+)/.exec(message)?.[1];
  if (text.startsWith("\ufeff"))
    return { kind: "problem", reason: "byte order mark in the middle of a body", column: 1 };
  if (position !== undefined) {
    return { kind: "problem", reason: "malformed JSON", column: Number(position) + 1 };
  }
  return {
    kind: "problem",
    reason: "malformed JSON: the line ends too early",
    column: text.length + 1,
  };
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 34) at = stringEnd(text, at);
    else if (code === 123 || code === 91) deepest = Math.max(deepest, ++depth);
    else if (code === 125 || code === 93) depth--;
  }
  return deepest;
}

/** Index of the closing quote of the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 92) index++;
    else if (code === 34) return index;
  }
  return text.length;
}

/** The text is known to be one JSON object. */
function membersOf(text: string): readonly (readonly [string, Token])[] {
  const members: [string, Token][] = [];
  let at = text.indexOf("{") + 1;
  for (;;) {
    at = skipSpace(text, at);
    if (text[at] === "}") return members;
    if (text[at] === ",") at = skipSpace(text, at + 1);
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd + 1)) as string;
    const start = skipSpace(text, skipSpace(text, keyEnd + 1) + 1);
    const end = valueEnd(text, start);
    members.push([key, tokenOf(text.slice(start, end))]);
    at = end;
  }
}

function skipSpace(text: string, at: number): number {
  let index = at;
  while (" \t\r\n".includes(text[index] ?? "x")) index++;
  return index;
}

function valueEnd(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return stringEnd(text, start) + 1;
  if (first !== "{" && first !== "[") {
    let at = start;
    while (at < text.length && !" \t\r\n,}]".includes(text[at] ?? ",")) at++;
    return at;
  }
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 34) at = stringEnd(text, at);
    else if (code === 123 || code === 91) depth++;
    else if ((code === 125 || code === 93) && --depth === 0) return at + 1;
  }
  return text.length;
}

function tokenOf(raw: string): Token {
  switch (raw[0]) {
    case '"':
      return { kind: "text", raw: JSON.parse(raw) as string };
    case "{":
    case "[":
      return { kind: "nested", raw };
    case "t":
    case "f":
      return { kind: "boolean", raw };
    case "n":
      return { kind: "null", raw };
    default:
      return { kind: "number", raw };
  }
}

const SPACE_OR_STRING = /"[^"\\]*(?:\\.[^"\\]*)*"|[ \t\r\n]+/gs;
const ESCAPE =
  /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\./g;

/** JSON without the space between its parts; numbers and strings stay as they were written. */
export function compactJson(text: string): string {
  if (!/[ \t\r\n]/.test(text)) return text;
  return text.replace(SPACE_OR_STRING, (part) => (part.startsWith('"') ? part : ""));
}

/** An escape of half a surrogate pair stands for no character, and DuckDB's parser refuses it. */
export function withoutLoneSurrogates(text: string): string {
  if (!text.includes("\\u")) return text;
  return text.replace(ESCAPE, (escape) => (escape.length === 6 ? "\\ufffd" : escape));
}
