/** Errors that `platform/` raises. */
import { type ErrorEntry } from "./entry.ts";

export const PLATFORM_ERRORS = {} as const satisfies Record<string, ErrorEntry>;
