/** Errors that `sources/` raises. */
import { user, type ErrorEntry } from "./entry.ts";

export const SOURCES_ERRORS = {
  KRB_SOURCES_RECORD: user(413, "54000", "Check the file for a missing line break or quote."),
  KRB_SOURCES_FILE: user(400, "58030", "Check the file, its ending and its permissions."),
} as const satisfies Record<string, ErrorEntry>;
