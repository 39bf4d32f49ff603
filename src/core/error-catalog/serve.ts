/** Errors that `serve/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const SERVE_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
