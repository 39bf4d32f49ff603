/** Errors that `log/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const LOG_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
