/** Where the benchmarks keep what they make: bodies stay for the next run, everything else goes. */
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "..");

export interface Workspace extends AsyncDisposable {
  /** Outlives the run. */
  readonly bodies: string;
  /** A new, empty directory that goes with the run. */
  directory(name: string): string;
}

export function openWorkspace(): Workspace {
  const root = join(REPOSITORY, "bench", ".work");
  const scratch = join(root, `run-${process.pid}`);
  const bodies = join(root, "bodies");
  mkdirSync(bodies, { recursive: true });
  let made = 0;
  return {
    bodies,
    directory(name) {
      made += 1;
      const path = join(scratch, `${made}-${name}`);
      mkdirSync(path, { recursive: true });
      return path;
    },
    async [Symbol.asyncDispose]() {
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
