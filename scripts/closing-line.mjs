/** Sums vitest's results into one plain line: `N passed, N failed`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./run-step.mjs";

export const RESULTS = join(ROOT, "coverage", "test-results.json");

/**
 * A file that fails to load has no tests to count, and an error outside of any test has no file.
 */
export function closingLine(status) {
  const { passed, failed } = existsSync(RESULTS) ? counted() : { passed: 0, failed: 0 };
  return `${passed} passed, ${failed === 0 && status !== 0 ? 1 : failed} failed`;
}

function counted() {
  const results = JSON.parse(readFileSync(RESULTS, "utf8"));
  const unloaded = results.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  return { passed: results.numPassedTests, failed: results.numFailedTests + unloaded.length };
}

// `.ci/run` calls this file with the exit status of the tests.
const [, script, status] = process.argv;
if (script === import.meta.filename) console.log(closingLine(Number(status ?? 0)));
