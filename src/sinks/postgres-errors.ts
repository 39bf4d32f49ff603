/** What an error of PostgreSQL means for a delivery: wrong row, wrong table, no right, or down. */
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type ErrorCode } from "../core/error-catalog.ts";

/**
 * SQLSTATE classes and states, the longest match first. What is not listed here passes: a
 * repetition may cure it.
 */
const MEANINGS: readonly (readonly [string, ErrorCode])[] = [
  ["42501", "KRB_SINKS_DENIED"],
  ["28", "KRB_SINKS_DENIED"],
  // Values that the column cannot take, constraints, limits of one row, triggers that refuse.
  ["22", "KRB_SINKS_REJECTED"],
  ["23", "KRB_SINKS_REJECTED"],
  ["44", "KRB_SINKS_REJECTED"],
  ["54", "KRB_SINKS_REJECTED"],
  ["P0", "KRB_SINKS_REJECTED"],
  ["0A", "KRB_SINKS_TARGET"],
  ["3D", "KRB_SINKS_TARGET"],
  ["3F", "KRB_SINKS_TARGET"],
  ["42", "KRB_SINKS_TARGET"],
];

/** Whether the server itself said so: then the connection is as before. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Error && "severity" in error;
}

export function deliveryError(sink: string, cause: unknown): KurobeError {
  if (isKurobeError(cause)) return cause;
  const { code, message, detail } = describe(cause);
  const meaning = MEANINGS.find(([prefix]) => code.startsWith(prefix))?.[1];
  const said = detail === undefined ? message : `${message} (${detail})`;
  return new KurobeError(meaning ?? "KRB_SINKS_UNREACHABLE", `sink ${sink}: PostgreSQL: ${said}`, {
    details: { sqlstate: code },
    cause,
  });
}

/** No row is at fault while the table is being made ready. */
export function tableError(sink: string, cause: unknown): KurobeError {
  const error = deliveryError(sink, cause);
  if (error.code !== "KRB_SINKS_REJECTED") return error;
  const { message, details } = error;
  return new KurobeError("KRB_SINKS_TARGET", message, { details, cause });
}

function describe(cause: unknown): { code: string; message: string; detail: string | undefined } {
  const { code, message, detail, errors } = cause as {
    readonly code?: unknown;
    readonly message?: unknown;
    readonly detail?: unknown;
    /** One a tried address, where a host has several. */
    readonly errors?: readonly Error[];
  };
  const text = message === "" || message === undefined ? errors?.[0]?.message : message;
  return {
    code: typeof code === "string" ? code : "",
    message: typeof text === "string" ? text : String(cause),
    detail: typeof detail === "string" ? detail : undefined,
  };
}
