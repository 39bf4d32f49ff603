/** Errors that `project/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const PROJECT_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
