/** The one error class. What a code means lies in `error-catalog.ts`. */
import { ERROR_CATALOG, type ErrorCode } from "./error-catalog.ts";
import { type ErrorEntry } from "./error-catalog/entry.ts";

const BRAND = Symbol.for("kurobe.error");

export interface KurobeErrorOptions {
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** Message: what and where. Hint: what to do. Details: the same for machines. */
export class KurobeError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: KurobeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "KurobeError";
    this.code = code;
    this.hint = options.hint ?? ERROR_CATALOG[code].hint;
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }

  get entry(): ErrorEntry {
    return ERROR_CATALOG[this.code];
  }
}

/** Recognises our errors by brand, so that two copies of the package in one process agree. */
export function isKurobeError(error: unknown, code?: ErrorCode): error is KurobeError {
  if (typeof error !== "object" || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as unknown as KurobeError).code === code;
}

/** For promises that our own code made: a failure is a bug, never the user's doing. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new KurobeError("KRB_CORE_ASSERTION", message);
}
