/** Every error leaves as a problem document (RFC 9457): a code, what happened, what to do. */
import { STATUS_CODES } from "node:http";
import { isKurobeError, KurobeError } from "../core/errors.ts";

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly requestId: string;
}

/** What a bug looked like is for the log: the caller gets the code and the id to find it there. */
export function problemOf(error: KurobeError, requestId: string): Problem {
  const isOurs = error.entry.domain === "internal";
  return {
    type: `urn:kurobe:error:${error.code}`,
    title: titleOf(error.code),
    status: error.entry.http,
    code: error.code,
    detail: isOurs ? "something went wrong inside; the log has the details" : error.message,
    hint: error.hint,
    details: isOurs ? {} : error.details,
    requestId,
  };
}

/** `KRB_INGEST_UNKNOWN_DATASET` is "Unknown dataset": the same words at every occurrence. */
function titleOf(code: string): string {
  const words = code.split("_").slice(2).join(" ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Details may hold 64-bit integers, which JSON lacks: they are text. */
export function problemText(problem: Problem): string {
  return JSON.stringify(problem, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}

/** Seconds after which a retry makes sense, or undefined where it never does. */
export function retryAfterSeconds(error: KurobeError): number | undefined {
  const { http, retry } = error.entry;
  if (retry === "never" || (http !== 429 && http !== 503)) return undefined;
  const seconds = error.details["retryAfterSeconds"];
  return typeof seconds === "number" ? Math.max(1, Math.ceil(seconds)) : 1;
}

/** Anything that was thrown, as one of our errors. The framework's own have a status and a code. */
export function codedError(error: unknown): KurobeError {
  if (isKurobeError(error)) return error;
  const { status, code, message } = frameworkError(error);
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    return new KurobeError("KRB_SERVE_MEDIA_TYPE", "the Content-Type header is malformed", {
      cause: error,
    });
  }
  if (status >= 400 && status < 500) {
    return new KurobeError("KRB_SERVE_BAD_REQUEST", message, { cause: error });
  }
  return new KurobeError("KRB_SERVE_INTERNAL", message, { cause: error });
}

function frameworkError(error: unknown): { status: number; code: string; message: string } {
  if (!(error instanceof Error)) return { status: 500, code: "", message: String(error) };
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown };
  return {
    status: typeof statusCode === "number" ? statusCode : 500,
    code: typeof code === "string" ? code : "",
    message: error.message,
  };
}

/** A whole answer as bytes, for a connection whose request never became one. Closes it. */
export function rawProblem(error: KurobeError, requestId: string): string {
  const problem = problemOf(error, requestId);
  const body = problemText(problem);
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? "Error"}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}
