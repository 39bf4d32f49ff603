/** Runs one command of a script with its output on our own, and stops the script when it fails. */
import { spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const ENVIRONMENT = {
  ...process.env,
  PATH: `${join(ROOT, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`,
};

/** The exit status; a command that a signal ended counts as failed. */
export function statusOf(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", env: ENVIRONMENT });
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}

export function runStep(title, command, args) {
  console.error(`\n▸ ${title}: ${[command, ...args].join(" ")}`);
  const status = statusOf(command, args);
  if (status === 0) return;
  console.error(`✗ ${title} failed`);
  process.exit(status);
}
