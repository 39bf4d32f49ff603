/** Moves what a repair takes out of the log to `damaged/<n>/`, where nothing reads it. */
import { basename, join } from "node:path";
import { type Disk } from "../core/disk.ts";

const COPY_BYTES = 1_048_576;

/** In the order given, each durable before the next; answers where the files are now. */
export async function setAside(
  directory: string,
  paths: readonly string[],
  disk: Disk,
): Promise<readonly string[]> {
  if (paths.length === 0) return [];
  const target = await freshDirectory(directory, disk);
  const moved: string[] = [];
  for (const path of paths) {
    const to = join(target, basename(path));
    await disk.rename(path, to);
    await disk.syncDirectory(target);
    await disk.syncDirectory(directory);
    moved.push(to);
  }
  return moved;
}

/** Copies the rest of the file from `offset` aside, and cuts it off once the copy is durable. */
export async function cutFile(
  directory: string,
  path: string,
  offset: number,
  disk: Disk,
): Promise<string> {
  const target = await freshDirectory(directory, disk);
  const to = join(target, `${basename(path)}.from-${offset}`);
  await using from = await disk.open(path, "write");
  await using copy = await disk.open(to, "create");
  const endOffset = await from.sizeBytes();
  for (let at = offset; at < endOffset; at += COPY_BYTES) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, endOffset - at));
    const done = await from.read(chunk, at);
    await copy.write([chunk.subarray(0, done)], at - offset);
  }
  await copy.sync();
  await disk.syncDirectory(target);
  await from.truncate(offset);
  await from.sync();
  return to;
}

/** Numbered, so that one repair never writes over what an earlier one saved. */
async function freshDirectory(directory: string, disk: Disk): Promise<string> {
  const damaged = join(directory, "damaged");
  const used = (await disk.list(damaged)).map(Number).filter(Number.isInteger);
  const target = join(damaged, String(Math.max(0, ...used) + 1));
  await disk.makeDirectory(target);
  return target;
}
