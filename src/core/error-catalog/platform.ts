/** Errors that `platform/` raises. */
import { external, internal, user, type ErrorEntry } from "./entry.ts";

export const PLATFORM_ERRORS = {
  KRB_PLATFORM_SETTINGS: user(
    400,
    "22023",
    "Correct the flags and variables that the message names; `kurobe start --help` lists all.",
  ),
  KRB_PLATFORM_DISK: external(
    507,
    "58030",
    "Check that there is space, and that the directory belongs to the user Kurobe runs as.",
  ),
  KRB_PLATFORM_ENGINE_ENDED: internal(
    "Nothing that was acknowledged is lost. Look at the messages above, and start again.",
  ),
} as const satisfies Record<string, ErrorEntry>;
