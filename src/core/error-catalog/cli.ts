/** Errors that `cli/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const CLI_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
