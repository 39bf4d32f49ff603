/** Errors that any room may raise. */
import { external, internal, type ErrorEntry } from "./entry.ts";

export const CORE_ERRORS = {
  KRB_CORE_ASSERTION: internal(
    "This is a bug in Kurobe: please report it with the message and the log.",
  ),
  KRB_CORE_CLOSED: external(
    503,
    "57P01",
    "The engine is stopping or restarting: send the request again in a moment.",
  ),
} as const satisfies Record<string, ErrorEntry>;
