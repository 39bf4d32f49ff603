/** Errors that `platform/` raises. */
import { user, type ErrorEntry } from "./entry.ts";

export const PLATFORM_ERRORS = {
  KRB_PLATFORM_SETTINGS: user(
    400,
    "22023",
    "Correct the flags and variables that the message names; `kurobe start --help` lists all.",
  ),
} as const satisfies Record<string, ErrorEntry>;
