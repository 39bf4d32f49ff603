import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const ROWS = readFileSync(join(ROOT, "docs/internals/laws.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| \d/.test(line));

test("every law names tests, and they exist", () => {
  expect(ROWS.length).toBeGreaterThan(0);
  const missing = ROWS.flatMap((row) => {
    const tests = [...row.matchAll(/`([^`]+\.test\.ts)`/g)].map((match) => match[1] ?? "");
    if (tests.length === 0) return [`no test: ${row}`];
    return tests.filter((path) => !existsSync(join(ROOT, path)));
  });
  expect(missing).toEqual([]);
});
