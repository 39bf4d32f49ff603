/** The file system, as an argument: everything durable goes through it, so tests can crash it. */

export interface DiskFile extends AsyncDisposable {
  /** Writes all of the buffers at `offset`, in order, as one write where the system can. */
  write(buffers: readonly Uint8Array[], offset: number): Promise<void>;
  read(into: Uint8Array, offset: number): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  /** fdatasync: after it returns, the file's bytes and its size survive a power loss. */
  sync(): Promise<void>;
  sizeBytes(): Promise<number>;
}

/** Paths are absolute. A missing file is an error with `code: "ENOENT"`, as in `node:fs`. */
export interface Disk {
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  readFile(path: string): Promise<Uint8Array>;
  /** Names in a directory, sorted; an empty list where the directory is missing. */
  list(directory: string): Promise<string[]>;
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** fsync of a file that another library wrote (DuckDB's COPY does none). */
  syncFile(path: string): Promise<void>;
  /** fsync of a directory: makes creates, renames and removals in it durable. */
  syncDirectory(path: string): Promise<void>;
  sizeBytes(path: string): Promise<number>;
}
