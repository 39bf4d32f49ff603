/** SHA-256 and size of whole files, in one pass and a bounded amount of memory. */
import { createHash } from "node:crypto";
import { type Disk } from "../core/disk.ts";

export interface FileHash {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
}

const READ_BYTES = 1024 * 1024;

export async function hashFile(disk: Disk, path: string): Promise<FileHash> {
  await using file = await disk.open(path, "read");
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let bytes = 0;
  for (;;) {
    const read = await file.read(buffer, bytes);
    hash.update(buffer.subarray(0, read));
    bytes += read;
    if (read < buffer.length) return { sha256: hash.digest("hex"), bytes };
  }
}

/** Lower-case hex. */
export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export interface ExpectedFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** Why the file is not the expected one, in words for the person who repairs it; null if it is. */
export async function fileProblem(
  disk: Disk,
  path: string,
  expected: ExpectedFile,
): Promise<string | null> {
  let found: FileHash;
  try {
    found = await hashFile(disk, path);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (found.bytes !== expected.bytes) {
    return `it has ${found.bytes} bytes, the manifest says ${expected.bytes}`;
  }
  return found.sha256 === expected.sha256
    ? null
    : "its SHA-256 differs from the manifest's: the file is damaged";
}
