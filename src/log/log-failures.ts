/** What a failed disk call, a damaged place or a missing entry is called. */
import { diskErrorCode } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";

/** A place of the log that cannot be what was written. */
export interface Damage {
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** The first entry that cannot be read because of it. */
  readonly position: number;
  readonly reason: string;
}

export function damageError({ path, offset, position, reason }: Damage): KurobeError {
  return new KurobeError(
    "KRB_LOG_DAMAGED",
    `${path} is damaged at byte ${offset} (entry ${position}): ${reason}`,
    { details: { path, offset, position, reason } },
  );
}

/** Of a write that was undone. */
export function writeError(path: string, cause: unknown): KurobeError {
  const systemCode = diskErrorCode(cause);
  const details = { path, systemCode };
  if (isDiskFull(systemCode)) {
    return new KurobeError("KRB_LOG_DISK_FULL", `The disk of ${path} is full`, { cause, details });
  }
  const message = `Writing ${path} failed (${systemCode || "no system code"})`;
  return new KurobeError("KRB_LOG_WRITE", message, { cause, details });
}

/** Gives the system's own errors a code of ours; everything else passes as it is. */
export function accessError(path: string, cause: unknown): unknown {
  const systemCode = diskErrorCode(cause);
  if (cause instanceof KurobeError || systemCode === "") return cause;
  if (isDiskFull(systemCode)) return writeError(path, cause);
  const message = `${path} cannot be used (${systemCode})`;
  return new KurobeError("KRB_LOG_ACCESS", message, { cause, details: { path, systemCode } });
}

export function removedError(directory: string, position: number): KurobeError {
  return new KurobeError(
    "KRB_LOG_REMOVED",
    `Entry ${position} is no longer in ${directory}: its segment was removed`,
    { details: { directory, position } },
  );
}

function isDiskFull(systemCode: string): boolean {
  return systemCode === "ENOSPC" || systemCode === "EDQUOT";
}
