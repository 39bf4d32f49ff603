/**
 * The placeholders of commands: `["ZADD", "{key}", "{score}", "{member}"]`.
 */
import { KurobeError } from "../../core/errors.ts";
import { didYouMean } from "../../plan/problem.ts";

export type Part =
  | { readonly kind: "text"; readonly text: string }
  /** A number of `DIGITS` digits that is drawn anew for each command. */
  | { readonly kind: "number"; readonly source: NumberSource }
  /** A whole number, `from` included and `limit` not, without zeros in front. */
  | { readonly kind: "random"; readonly from: number; readonly limit: number }
  /** Numbers that no other command of the run has: 0, 1, 2 of one connection, and so on. */
  | { readonly kind: "counter" }
  /** One of several words. */
  | { readonly kind: "choice"; readonly words: readonly string[] }
  | { readonly kind: "value" };

export type NumberSource =
  /** Prefix and name of the keyspace go in front of these. */
  | "key"
  | "lookup"
  | "newkey"
  | "samekey"
  | "member"
  | "newmember"
  | "samemember"
  | "score"
  /** Microseconds since 1970, their last 12 digits: of sending, or of when it was due. */
  | "now";

export const KEY_SOURCES: readonly NumberSource[] = ["key", "lookup", "newkey", "samekey"];

const NUMBER_SOURCES: readonly NumberSource[] = [
  ...KEY_SOURCES,
  "member",
  "newmember",
  "samemember",
  "score",
  "now",
];
const LISTS: Readonly<Record<string, readonly string[]>> = {
  keys: ["{key}"],
  lookups: ["{lookup}"],
  pairs: ["{key}", "{value}"],
  members: ["{member}"],
  newmembers: ["{newmember}"],
  values: ["{value}"],
  fields: ["{newmember}", "{value}"],
  scored: ["{score}", "{newmember}"],
};

export const PLACEHOLDERS = [
  ...NUMBER_SOURCES,
  "value",
  "prefix",
  "rand:n",
  "rand:from-to",
  "counter",
  "choice:a|b",
  ...Object.keys(LISTS).map((name) => `${name}:n`),
];

const MAX_REPEAT = 10_000;
const MAX_RANDOM = 2 ** 31 + 1;

/** Stands for the prefix of the run's keys, and is known before anything is drawn. */
const PREFIX = "{prefix}";

/** For names that a command writes out in full: `["PUBLISH", "{prefix}news", "{value}"]`. */
export function withPrefix(args: readonly string[], prefix: string): readonly string[] {
  return args.map((arg) => arg.replaceAll(PREFIX, prefix));
}

/**
 * The arguments of a command, with `{keys:10}` written out as ten keys. Throws KRB_BENCH_WORKLOAD
 * for a placeholder that does not exist.
 */
export function readCommand(args: readonly string[]): readonly (readonly Part[])[] {
  return args.flatMap((arg) => {
    const [, list = "", times = ""] = /^\{([a-z]+):(\d+)\}$/.exec(arg) ?? [];
    const elements = Object.hasOwn(LISTS, list) ? LISTS[list] : undefined;
    if (elements === undefined) return [readArgument(arg)];
    if (Number(times) < 1 || Number(times) > MAX_REPEAT) {
      throw new KurobeError("KRB_BENCH_WORKLOAD", `${arg} is no number from 1 to ${MAX_REPEAT}`);
    }
    const once = elements.map((element) => readArgument(element));
    return Array.from({ length: Number(times) }, () => once).flat();
  });
}

function readArgument(text: string): readonly Part[] {
  const parts: Part[] = [];
  let done = 0;
  // Lua and JSON are full of braces: only a bare word is a placeholder.
  for (const match of text.matchAll(/\{([a-z]+)(?::([^{}]*))?\}/g)) {
    if (match.index > done) parts.push({ kind: "text", text: text.slice(done, match.index) });
    parts.push(readPart(match[0], match[1] ?? "", match[2]));
    done = match.index + match[0].length;
  }
  if (done < text.length || text === "") parts.push({ kind: "text", text: text.slice(done) });
  return parts;
}

function readPart(whole: string, word: string, amount: string | undefined): Part {
  if (amount === undefined) {
    if (word === "value" || word === "counter") return { kind: word };
    const source = NUMBER_SOURCES.find((each) => each === word);
    if (source !== undefined) return { kind: "number", source };
  } else if (word === "rand") {
    const range = readRange(amount);
    if (range !== undefined) return { kind: "random", ...range };
  } else if (word === "choice") {
    return { kind: "choice", words: amount.split("|") };
  }
  throw new KurobeError(
    "KRB_BENCH_WORKLOAD",
    `${whole} is no placeholder: ${didYouMean(word, PLACEHOLDERS)}`,
  );
}

/** `10` is 0 to 9; `5-10` includes both. */
function readRange(text: string): { readonly from: number; readonly limit: number } | undefined {
  const [, first = "", last] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
  if (first === "") return undefined;
  const range =
    last === undefined
      ? { from: 0, limit: Number(first) }
      : { from: Number(first), limit: Number(last) + 1 };
  return range.limit > range.from && range.limit <= MAX_RANDOM ? range : undefined;
}
