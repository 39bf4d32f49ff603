/**
 * Everything that has to pass: the static checks, the build, every test. Arguments go to vitest,
 * and with any of them (`npm test -- src/log`) only the tests run. The last line counts the tests.
 */
import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { closingLine, RESULTS } from "./closing-line.mjs";
import { runStep, statusOf } from "./run-step.mjs";

const args = process.argv.slice(2);

mkdirSync(dirname(RESULTS), { recursive: true });
rmSync(RESULTS, { force: true });
if (args.length === 0) {
  runStep("check", process.execPath, ["scripts/check.mjs", "--static"]);
  runStep("build", process.execPath, ["scripts/build.mjs"]);
  runStep("package", "publint", ["--strict"]);
}
const status = statusOf("vitest", [
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${RESULTS}`,
  ...args,
]);
console.log(closingLine(status));
process.exitCode = status;
