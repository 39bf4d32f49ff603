/** Finds and reads the repository's own files, for the tests that judge how they are written. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Absolute paths of what git tracks, or would track, under the given folders; sorted. */
export function repositoryFiles(...folders: readonly string[]): readonly string[] {
  const listed = execFileSync(
    "git",
    ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ...folders],
    { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  const paths = new Set(listed.split("\0").filter((path) => path !== ""));
  return [...paths]
    .toSorted()
    .map((path) => join(ROOT, path))
    .filter((path) => existsSync(path));
}

export function sourceFiles(...folders: readonly string[]): readonly string[] {
  return repositoryFiles(...folders).filter((path) => path.endsWith(".ts"));
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^;"'`]*?from\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|(?:^|\n)import\s+"([^"]+)"/g;

/** Module specifiers of static imports, re-exports, dynamic imports and import types. */
export function importsOf(path: string): readonly string[] {
  const text = withoutComments(readFileSync(path, "utf8"));
  return [...text.matchAll(IMPORT)].map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? "");
}

/** The code with its comments blanked out, line breaks kept; strings stay as they are. */
export function withoutComments(text: string): string {
  const token = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) =>
    found.startsWith("/") ? found.replace(/[^\n]/g, " ") : found,
  );
}
