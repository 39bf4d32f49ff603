/** Binds a process to one processor, where the system lets it. */
import { execFile } from "node:child_process";
import { cpus } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * What a command line begins with so that its process stays on `core`. Undefined where the machine
 * has one processor, does not let us use that one, or lacks `taskset`.
 *
 * That this process may be bound itself does not matter: a client bound to one processor and a
 * server that inherits it would measure how well they share it.
 */
export async function pinTo(core: number): Promise<readonly string[] | undefined> {
  if (cpus().length < 2) return undefined;
  const pin = ["-c", String(core)];
  try {
    await run("taskset", [...pin, "true"]);
    return ["taskset", ...pin];
  } catch {
    return undefined;
  }
}
