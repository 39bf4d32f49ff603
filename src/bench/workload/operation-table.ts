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
  /** A list, or null: EXEC, XREAD. */
  "list or null": ReplyKind.list | ReplyKind.empty | ReplyKind.nil,
  any: 127,
} as const;

/** What means that nothing was there. */
export const MISSES = ReplyKind.nil | ReplyKind.empty;
