/** Puts a file that cannot be read out of the way, with the reason beside it. */
import { access, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { REJECTED_FOLDER } from "./glob.ts";
import { type Identity } from "./read-file.ts";
import { moveFile } from "./take-away.ts";

export interface Rejection {
  readonly source: string;
  readonly path: string;
  readonly reason: string;
  readonly hint: string;
  /** Rows before this place are stored already: send the rest only. */
  readonly takenBytes: number;
  readonly rejectedAt: string;
}

/**
 * Gives the place where the file lies now: `rejected/` beside it, or where it was when it cannot be
 * moved.
 */
export async function setAside(rejection: Rejection, identity: Identity): Promise<string> {
  const { path } = rejection;
  const folder = join(dirname(path), REJECTED_FOLDER);
  try {
    await mkdir(folder, { recursive: true });
    const target = await freeName(folder, basename(path));
    // The reason first: a file in `rejected/` always has one.
    await writeFile(`${target}.reason.json`, `${JSON.stringify(rejection, null, 2)}\n`);
    return (await moveFile(path, identity, target)) ? target : path;
  } catch {
    return path;
  }
}

async function freeName(folder: string, name: string): Promise<string> {
  for (let count = 1; ; count++) {
    const target = join(folder, count === 1 ? name : `${count}-${name}`);
    const isTaken = await access(target).then(
      () => true,
      () => false,
    );
    if (!isTaken) return target;
  }
}
