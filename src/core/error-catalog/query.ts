/** Errors that `query/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const QUERY_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
