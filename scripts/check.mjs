/**
 * What must hold before a commit, fastest first: format, lint, dead code, types, then the tests
 * beside the code. `--static` leaves the tests out, for callers that run all of them anyway.
 */
import { runStep } from "./run-step.mjs";

runStep("format", "oxfmt", ["--check"]);
runStep("lint", "oxlint", ["--type-aware"]);
runStep("dead code", "knip", []);
runStep("types", "tsc", ["--noEmit", "-p", "."]);
if (!process.argv.includes("--static")) {
  const rules = ["test/architecture", "test/tidy", "test/errors-docs", "test/reference"];
  runStep("fast tests", "vitest", ["run", "src/", ...rules]);
}
