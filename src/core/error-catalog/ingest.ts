/** Errors that `ingest/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const INGEST_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
