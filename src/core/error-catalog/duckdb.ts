/** Errors that `duckdb/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const DUCKDB_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
