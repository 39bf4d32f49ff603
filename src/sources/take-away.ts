/** Moves a file, or removes it, only if its name still means the file that was read. */
import { link, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Identity } from "./read-file.ts";

/**
 * True when it was moved. Another file may take the name at any moment: it is looked at after the
 * move, and put back.
 */
export async function moveFile(path: string, identity: Identity, to: string): Promise<boolean> {
  await rename(path, to);
  const { dev, ino } = await stat(to, { bigint: true });
  if (`${dev}:${ino}` === identity.key) return true;
  // Unlike a rename, a link never replaces what has come meanwhile.
  await link(to, path).then(
    () => unlink(to),
    () => undefined,
  );
  return false;
}

/**
 * Removes a file that was read to its end. One that cannot be removed stays: it is not read again.
 */
export async function removeFile(path: string, identity: Identity): Promise<void> {
  const hidden = join(dirname(path), `.${basename(path)}.done`);
  const isMoved = await moveFile(path, identity, hidden).catch(() => false);
  if (isMoved) await unlink(hidden).catch(() => undefined);
}
