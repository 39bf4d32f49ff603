/** The file system, as an argument: everything durable goes through it, so tests can crash it. */

export interface DiskFile extends AsyncDisposable {
  /**
   * Writes all of the buffers at `offset`, in order, as one write where the system can. The buffers
   * must not change until it returns. After an error any part of them may have been written.
   */
  write(buffers: readonly Uint8Array[], offset: number): Promise<void>;
  /** Fills `into` from `offset`; fewer bytes come back only at the end of the file. */
  read(into: Uint8Array, offset: number): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  /**
   * fdatasync: after it returns, the file's bytes and its size survive a power loss. After it fails
   * nothing is known of what was written since the last one, even if a later call succeeds.
   */
  sync(): Promise<void>;
  sizeBytes(): Promise<number>;
}

/** Paths are absolute. A missing file is an error with `code: "ENOENT"`, as in `node:fs`. */
export interface Disk {
  /** `read` and `write` want an existing file; `create` makes one, or empties what is there. */
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  readFile(path: string): Promise<Uint8Array>;
  /**
   * Makes a whole file appear at once, or returns false and leaves everything alone where the path
   * is taken: of two that try, one wins, and no reader ever sees half of it. Not synced.
   */
  createExclusive(path: string, bytes: Uint8Array): Promise<boolean>;
  /** Names in a directory, sorted; an empty list where the directory is missing. */
  list(directory: string): Promise<string[]>;
  /** Makes it with its missing parents, and makes their names durable; fine when it exists. */
  makeDirectory(path: string): Promise<void>;
  /** Replaces what is at `to`. Durable after `syncDirectory` of both parents. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** fsync of a file that another library wrote (DuckDB's COPY does none). */
  syncFile(path: string): Promise<void>;
  /** fsync of a directory: makes creates, renames and removals in it durable. */
  syncDirectory(path: string): Promise<void>;
  sizeBytes(path: string): Promise<number>;
  /** What its file system has left for us. A quota may leave less. */
  freeBytes(path: string): Promise<number>;
}

/** The system's own code of a failed disk call (`ENOENT`, `ENOSPC`, …); empty for anything else. */
export function diskErrorCode(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
