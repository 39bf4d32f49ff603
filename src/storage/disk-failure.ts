/** What a failed call of the disk, or of DuckDB on a file, is called. */
import { diskErrorCode } from "../core/disk.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";

/** Gives the system's own errors a code of ours; everything else passes as it is. */
export function diskFailure(path: string, cause: unknown): unknown {
  const systemCode = systemCodeOf(cause);
  if (systemCode === "") return cause;
  const isFull = systemCode === "ENOSPC" || systemCode === "EDQUOT";
  const message = isFull ? `the disk of ${path} is full` : `${path} cannot be used (${systemCode})`;
  return new KurobeError("KRB_STORAGE_DISK", message, { cause, details: { path, systemCode } });
}

function systemCodeOf(cause: unknown): string {
  if (isKurobeError(cause, "KRB_DUCKDB_TEMPORARY_SPACE")) return "ENOSPC";
  if (isKurobeError(cause, "KRB_DUCKDB_IO")) return "EIO";
  // Our own errors have a code too.
  return isKurobeError(cause) ? "" : diskErrorCode(cause);
}
