/** Errors that `windows/` raises. */
import { type ErrorEntry, user } from "./entry.ts";

export const WINDOWS_ERRORS = {
  KRB_WINDOWS_UNKNOWN: user(404, "42P01", "`kurobe check` lists the datasets and their windows."),
} as const satisfies Record<string, ErrorEntry>;
