/** Errors that `engine/` raises. */
import { external, internal, user, type ErrorEntry } from "./entry.ts";

export const ENGINE_ERRORS = {
  KRB_ENGINE_APPLY: internal(
    "Acknowledged rows are safe in the log. Restart the process; if it happens again, report it.",
  ),
  KRB_ENGINE_FAILED: external(
    503,
    "57P01",
    "The engine has stopped after an error and is being restarted: send the request again.",
  ),
  KRB_ENGINE_CHECKPOINT: external(
    503,
    "58030",
    "Check space and permissions of the data directory. Nothing is lost: the log still holds it.",
  ),
  KRB_ENGINE_PLAN_CHANGE: user(
    409,
    "55000",
    "Look at the change with `kurobe plan`, then start with --yes to carry it out.",
  ),
} as const satisfies Record<string, ErrorEntry>;
