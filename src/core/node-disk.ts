/** The real file system behind `Disk`. */
import { randomUUID } from "node:crypto";
import { type FileHandle, link, mkdir, open, readdir, readFile } from "node:fs/promises";
import { rename, rm, stat, statfs, unlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Disk, type DiskFile, diskErrorCode } from "./disk.ts";

const FLAGS = { read: "r", write: "r+", create: "w+" } as const;

export const nodeDisk: Disk = {
  open: async (path, mode) => new NodeDiskFile(await open(path, FLAGS[mode])),
  readFile: (path) => readFile(path),
  createExclusive,
  list: async (directory) => {
    try {
      return (await readdir(directory)).sort();
    } catch (error) {
      if (diskErrorCode(error) === "ENOENT") return [];
      throw error;
    }
  },
  makeDirectory,
  rename,
  remove: unlink,
  syncFile: async (path) => {
    // Windows flushes only handles that may write.
    await using file = await open(path, process.platform === "win32" ? "r+" : "r");
    await file.sync();
  },
  syncDirectory,
  sizeBytes: async (path) => (await stat(path)).size,
  freeBytes: async (path) => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

class NodeDiskFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(buffers: readonly Uint8Array[], offset: number): Promise<void> {
    let rest = buffers.filter((buffer) => buffer.length > 0);
    let at = offset;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest, at);
      at += bytesWritten;
      rest = withoutFirst(rest, bytesWritten);
    }
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#handle.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#handle.truncate(sizeBytes);
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** What a short write left over; the buffers' bytes are shared, not copied. */
function withoutFirst(buffers: readonly Uint8Array[], sizeBytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = sizeBytes;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}

async function createExclusive(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = `${path}.${randomUUID()}`;
  await using file = await open(temporary, "wx");
  try {
    await file.writeFile(bytes);
    await link(temporary, path);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return false;
    if (!WITHOUT_HARD_LINKS.has(diskErrorCode(error))) throw error;
    return await createWithoutLink(path, bytes);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** exFAT and some network file systems have no hard links. */
const WITHOUT_HARD_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "ENOTSUP",
  "ENOSYS",
  "EOPNOTSUPP",
]);

/** Here a reader may see the file before its bytes: the best that such a file system allows. */
async function createWithoutLink(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await using file = await open(path, "wx");
    await file.writeFile(bytes);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === "EEXIST") return false;
    throw error;
  }
}

async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  // An existing one may have been made by a process that died before it could sync the parent.
  const top = dirname(resolve(first ?? path));
  for (let parent = dirname(resolve(path)); ; parent = dirname(parent)) {
    await syncDirectory(parent);
    if (parent === top || parent === dirname(parent)) return;
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows has no way to flush a directory; NTFS journals its names.
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}
