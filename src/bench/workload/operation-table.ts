/** The kinds of replies that operations expect, by the words that tables and files use. */
import { ReplyKind } from "../resp/reply-counter.ts";

export const EXPECTATIONS = {
  ok: ReplyKind.status,
  integer: ReplyKind.integer,
  text: ReplyKind.text,
  /** A value, or null where there is none. */
  value: ReplyKind.text | ReplyKind.nil,
  number: ReplyKind.integer | ReplyKind.number | ReplyKind.text,
  list: ReplyKind.list | ReplyKind.empty,
  /** A list with one value, or null, for each key or field that was asked for: MGET, HMGET. */
  values: ReplyKind.list,
  /** A list with a 1 or a 0 for each of them: SMISMEMBER. */
  flags: ReplyKind.list,
  /** A list, or null: EXEC, XREAD. */
  "list or null": ReplyKind.list | ReplyKind.empty | ReplyKind.nil,
  any: 127,
} as const;

export type Expectation = keyof typeof EXPECTATIONS;

/** What means that nothing was there, in reply to an operation that looks something up. */
export function missesOf(expectation: Expectation): number {
  if (expectation === "values") return ReplyKind.list | ReplyKind.nil;
  if (expectation === "flags") return ReplyKind.list | ReplyKind.integer;
  return ReplyKind.nil | ReplyKind.empty;
}
