/** Errors that `ingest/` raises. */
import { user, type ErrorEntry } from "./entry.ts";

export const INGEST_ERRORS = {
  KRB_INGEST_UNKNOWN_DATASET: user(404, "42P01", "Name a dataset of the project file."),
  KRB_INGEST_TOO_LARGE: user(
    413,
    "54000",
    "Send smaller bodies, or raise the setting for the largest body.",
  ),
  KRB_INGEST_REPLAY: user(
    409,
    "0A000",
    "A replay needs rows that stay, or a key with the event time, and no stream that reads them.",
  ),
  KRB_INGEST_BUSY: {
    domain: "external",
    retry: "backoff",
    http: 429,
    sqlstate: "53400",
    exitCode: 2,
    hint: "Rows come in faster than they can be applied: send the request again after Retry-After.",
  },
} as const satisfies Record<string, ErrorEntry>;
