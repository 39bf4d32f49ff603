/** Errors that `engine/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const ENGINE_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
