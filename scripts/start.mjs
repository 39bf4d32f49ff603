/** `npm start`: builds when a source is newer than the build, then shows the demo. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT, runStep } from "./run-step.mjs";

const MAIN = join(ROOT, "dist", "cli", "main.js");

if (!existsSync(MAIN) || newestMs(join(ROOT, "src")) > statSync(MAIN).mtimeMs) {
  runStep("build", process.execPath, ["scripts/build.mjs"]);
}

// In this very process, so that Ctrl-C and the terminal belong to the demo alone.
process.argv.splice(1, 1, MAIN, "demo");
await import(MAIN);

function newestMs(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || /(?<!\.test)\.ts$/.test(entry.name))
    .map((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? newestMs(path) : statSync(path).mtimeMs;
    })
    .reduce((newest, at) => Math.max(newest, at), 0);
}
