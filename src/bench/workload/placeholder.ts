/**
 * The placeholders of commands: `["ZADD", "{key}", "{score}", "{member}"]`.
 */
import { KurobeError } from "../../core/errors.ts";
import { didYouMean } from "../../plan/problem.ts";

export type Part =
  | { readonly kind: "text"; readonly text: string }
  /** A number of `DIGITS` digits that is drawn anew for each command. */
  | { readonly kind: "number"; readonly source: NumberSource }
  /** A whole number below `limit`, without zeros in front. */
  | { readonly kind: "random"; readonly limit: number }
  | { readonly kind: "value" };

export type NumberSource =
  /** Prefix and name of the keyspace go in front of these. */
  "key" | "lookup" | "newkey" | "samekey" | "member" | "newmember" | "samemember" | "score";

export const KEY_SOURCES: readonly NumberSource[] = ["key", "lookup", "newkey", "samekey"];

const NUMBER_SOURCES: readonly NumberSource[] = [
  ...KEY_SOURCES,
  "member",
  "newmember",
  "samemember",
  "score",
];
const LISTS: Readonly<Record<string, readonly string[]>> = {
  keys: ["{key}"],
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
  "rand:n",
  ...Object.keys(LISTS).map((name) => `${name}:n`),
];

const MAX_REPEAT = 10_000;

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
  for (const match of text.matchAll(/\{([a-z]+)(?::(\d+))?\}/g)) {
    if (match.index > done) parts.push({ kind: "text", text: text.slice(done, match.index) });
    parts.push(readPart(match[0], match[1] ?? "", match[2]));
    done = match.index + match[0].length;
  }
  if (done < text.length || text === "") parts.push({ kind: "text", text: text.slice(done) });
  return parts;
}

function readPart(whole: string, word: string, amount: string | undefined): Part {
  if (amount === undefined) {
    if (word === "value") return { kind: "value" };
    const source = NUMBER_SOURCES.find((each) => each === word);
    if (source !== undefined) return { kind: "number", source };
  } else if (word === "rand" && Number(amount) >= 1 && Number(amount) <= 2 ** 31) {
    return { kind: "random", limit: Number(amount) };
  }
  throw new KurobeError(
    "KRB_BENCH_WORKLOAD",
    `${whole} is no placeholder: ${didYouMean(word, PLACEHOLDERS)}`,
  );
}
