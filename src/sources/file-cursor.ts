/** How far one file has been read, as it travels through the log with the rows. */
import { type Head } from "./read-file.ts";

export interface FileCursor {
  /** Where it lay when it was read; for people. */
  readonly path: string;
  /** Of the decompressed bytes: all before it are stored. */
  readonly offset: number;
  readonly head: Head;
  /** The size on disk of a file that was read to its end; null while there is more to come. */
  readonly doneBytes: number | null;
}

export function encodeCursor(cursor: FileCursor): string {
  return JSON.stringify(cursor);
}

export function decodeCursor(value: string): FileCursor {
  return JSON.parse(value) as FileCursor;
}
