/**
 * A cheap look at SQL before any parser sees it: bounds that keep hostile text from costing much.
 */
import { KurobeError } from "../core/errors.ts";

export interface TextLimits {
  readonly maxTextBytes: number;
  readonly maxTokens: number;
  /** Open parentheses, brackets and braces. */
  readonly maxNesting: number;
  readonly maxSetOperations: number;
}

/** 64 KiB of the worst text found parses in 0.3 s; the other bounds make it 30 ms. */
export const TEXT_LIMITS: TextLimits = {
  maxTextBytes: 65_536,
  maxTokens: 10_000,
  maxNesting: 64,
  maxSetOperations: 64,
};

/** Quoted text, comments, words, numbers, and single characters: enough to count, not to parse. */
const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+|--[^\n]*)`,
    String.raw`(?<comment>\/\*)`,
    String.raw`(?<quoted>[eExXbB]?'|")`,
    String.raw`(?<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<number>\d[\w.]*)`,
    String.raw`(?<mark>[\s\S])`,
  ].join("|"),
  "y",
);

const SET_OPERATION = /^(?:union|except|intersect)$/i;
const OPENING = "([{";
const CLOSING = ")]}";

/**
 * Gives the statement without the comments and semicolons after it, or throws
 * `KRB_QUERY_TOO_COMPLEX` or `KRB_QUERY_SQL`. It does not decide what is allowed: `authorize` does.
 */
export function boundedStatement(text: string, limits: TextLimits = TEXT_LIMITS): string {
  if (Buffer.byteLength(text) > limits.maxTextBytes) {
    throw tooComplex(`the statement is longer than ${limits.maxTextBytes} bytes`);
  }
  if (text.includes("\0")) {
    throw new KurobeError("KRB_QUERY_SQL", "the statement has a NUL character");
  }
  const count: Count = { tokens: 0, depth: 0, setOperations: 0, last: [] };
  let end = 0;
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups ?? {};
    const next =
      groups["comment"] === undefined ? endOfToken(text, at, groups) : endOfComment(text, at);
    if (groups["space"] === undefined && groups["comment"] === undefined) {
      const token = text.slice(at, next);
      if (token !== ";") {
        tally(count, token, limits);
        end = next;
      }
    }
    at = next;
  }
  if (end === 0) throw new KurobeError("KRB_QUERY_SQL", "the statement is empty");
  return text.slice(0, end);
}

function endOfToken(
  text: string,
  at: number,
  groups: Readonly<Record<string, string | undefined>>,
): number {
  const { quoted, dollar } = groups;
  if (quoted !== undefined) return endOfQuoted(text, at + quoted.length, quoted);
  if (dollar !== undefined) {
    const close = text.indexOf(dollar, at + dollar.length);
    return close < 0 ? text.length : close + dollar.length;
  }
  return TOKEN.lastIndex;
}

function endOfQuoted(text: string, from: number, opening: string): number {
  const quote = opening.at(-1) ?? "'";
  const hasEscapes = /^e/i.test(opening);
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (hasEscapes && character === "\\") at++;
    else if (character === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return text.length;
}

/** Block comments nest, as in PostgreSQL. */
function endOfComment(text: string, from: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = from;
  let depth = 0;
  for (let match = edge.exec(text); match !== null; match = edge.exec(text)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  throw new KurobeError("KRB_QUERY_SQL", "a comment is not closed");
}

interface Count {
  tokens: number;
  depth: number;
  setOperations: number;
  /** The last two words before this one. */
  last: readonly string[];
}

function tally(count: Count, token: string, limits: TextLimits): void {
  count.tokens += 1;
  if (count.tokens > limits.maxTokens) {
    throw tooComplex(`the statement has more than ${limits.maxTokens} words and signs`);
  }
  if (OPENING.includes(token)) count.depth += 1;
  else if (CLOSING.includes(token)) count.depth -= 1;
  if (count.depth > limits.maxNesting) {
    throw tooComplex(`brackets are nested more than ${limits.maxNesting} deep`);
  }
  if (SET_OPERATION.test(token)) count.setOperations += 1;
  if (count.setOperations > limits.maxSetOperations) {
    throw tooComplex(`there are more than ${limits.maxSetOperations} UNION, EXCEPT and INTERSECT`);
  }
  // Written out at each use, 20 of them in a row are a million; the parse tree does not show it.
  const recent = [...count.last.slice(-2), token.toUpperCase()];
  if (recent.join(" ") === "AS NOT MATERIALIZED") throw tooComplex("NOT MATERIALIZED is not taken");
  count.last = recent;
}

export function tooComplex(message: string): KurobeError {
  return new KurobeError("KRB_QUERY_TOO_COMPLEX", message);
}
