/**
 * Errors that `duckdb/` raises. What a caller's own SQL did wrong is translated again by `query/`.
 */
import { external, internal, user, type ErrorEntry } from "./entry.ts";

export const DUCKDB_ERRORS = {
  KRB_DUCKDB_OUT_OF_MEMORY: external(
    503,
    "53200",
    "Raise the memory setting, read a shorter time range, or run fewer queries at once.",
  ),
  KRB_DUCKDB_TEMPORARY_SPACE: external(
    507,
    "53100",
    "Free space in the data directory, or raise the limit for temporary files.",
  ),
  KRB_DUCKDB_INTERRUPTED: user(499, "57014", "The statement was cancelled before it ended."),
  KRB_DUCKDB_CONSTRAINT: user(409, "23000", "The rows break a constraint of the table."),
  KRB_DUCKDB_CONVERSION: user(
    400,
    "22000",
    "A value does not fit the type that it is converted to: TRY_CAST gives NULL instead.",
  ),
  KRB_DUCKDB_STREAM_FAILED: user(
    400,
    "22000",
    "A later row could not be computed: read the rows before it, or look for what it converts.",
  ),
  KRB_DUCKDB_STATEMENT: internal(
    "DuckDB refused a statement that Kurobe wrote: please report it with the message.",
  ),
  KRB_DUCKDB_PERMISSION: user(403, "42501", "Files, settings and extensions are closed here."),
  KRB_DUCKDB_IO: external(
    503,
    "58030",
    "Check that the data directory exists, can be written, and has space; then try again.",
  ),
  KRB_DUCKDB_FATAL: {
    domain: "internal",
    retry: "backoff",
    http: 503,
    sqlstate: "XX000",
    exitCode: 3,
    hint: "DuckDB cannot go on in this process: restart it; the log gives everything back.",
  },
} as const satisfies Record<string, ErrorEntry>;
