/** Compiles `src/` into an empty `dist/` and makes the command executable. */
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT, runStep } from "./run-step.mjs";

rmSync(join(ROOT, "dist"), { recursive: true, force: true });
runStep("build", "tsc", ["-p", "tsconfig.build.json"]);
chmodSync(join(ROOT, "dist", "cli", "main.js"), 0o755);
