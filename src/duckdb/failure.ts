/** Translates what DuckDB reports, once, into coded errors that keep its message. */
import { KurobeError, isKurobeError } from "../core/errors.ts";
import { type ErrorCode } from "../core/error-catalog.ts";

/** The bindings give no error type, only text that starts with it. */
const CODE_BY_PREFIX: Readonly<Record<string, ErrorCode>> = {
  "Out of Memory": "KRB_DUCKDB_OUT_OF_MEMORY",
  INTERRUPT: "KRB_DUCKDB_INTERRUPTED",
  Constraint: "KRB_DUCKDB_CONSTRAINT",
  Conversion: "KRB_DUCKDB_CONVERSION",
  "Out of Range": "KRB_DUCKDB_CONVERSION",
  "Invalid Input": "KRB_DUCKDB_CONVERSION",
  Permission: "KRB_DUCKDB_PERMISSION",
  IO: "KRB_DUCKDB_IO",
  FATAL: "KRB_DUCKDB_FATAL",
  INTERNAL: "KRB_DUCKDB_FATAL",
};

const PREFIX = /^(?:TransactionContext Error: )?([A-Za-z -]+?) Error: /;
/** What an appender says of a value, without a prefix. */
const CONVERSION = /^Could not (?:convert|cast) /;
const NO_SPACE = /max_temp_directory_size|No space left on device|disk full/i;

/**
 * The coded error for something that the bindings threw. Parser, binder and catalog errors become
 * `KRB_DUCKDB_STATEMENT`; `details.kind` has DuckDB's own word ("Binder", "Catalog", …).
 */
export function duckdbError(thrown: unknown): KurobeError {
  if (isKurobeError(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const kind = PREFIX.exec(message)?.[1] ?? (CONVERSION.test(message) ? "Conversion" : "Unknown");
  const isSpace = (kind === "IO" || kind === "Out of Memory") && NO_SPACE.test(message);
  const code = isSpace
    ? "KRB_DUCKDB_TEMPORARY_SPACE"
    : (CODE_BY_PREFIX[kind] ?? "KRB_DUCKDB_STATEMENT");
  return new KurobeError(code, message, { details: { kind }, cause: thrown });
}
