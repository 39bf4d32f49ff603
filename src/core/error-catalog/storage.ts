/** Errors that `storage/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const STORAGE_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
