/** Errors that `platform/` raises. */
import { internal, user, type ErrorEntry } from "./entry.ts";

export const PLATFORM_ERRORS = {
  KRB_PLATFORM_SETTINGS: user(
    400,
    "22023",
    "Correct the flags and variables that the message names; `kurobe start --help` lists all.",
  ),
  KRB_PLATFORM_ENGINE_ENDED: internal(
    "Nothing that was acknowledged is lost. Look at the messages above, and start again.",
  ),
} as const satisfies Record<string, ErrorEntry>;
