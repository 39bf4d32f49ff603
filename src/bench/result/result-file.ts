/** Reads and writes result files; what does not fit the published schema is refused both ways. */
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type z } from "zod";
import { KurobeError } from "../../core/errors.ts";
import { type BenchResult, benchResult, RESULT_SCHEMA_NAME } from "./result.ts";

/**
 * Writes a result whole or not at all, and creates its folder. A figure that is no number (NaN,
 * Infinity) fails with KRB_BENCH_RESULT_INVALID before anything is written.
 */
export async function writeResult(path: string, result: BenchResult): Promise<void> {
  const checked = checkResult(result, path);
  await mkdir(dirname(path), { recursive: true });
  const half = `${path}.${process.pid}.part`;
  await writeFile(half, `${JSON.stringify(checked, undefined, 1)}\n`);
  await rename(half, path);
}

/** Fails with KRB_BENCH_RESULT_FILE or KRB_BENCH_RESULT_INVALID, which name the file. */
export async function readResult(path: string): Promise<BenchResult> {
  return checkResult(await readJson(path), path);
}

/** Files as they are; of folders, their `.json` files that are results, by name. */
export async function readResults(paths: readonly string[]): Promise<readonly BenchResult[]> {
  const results: BenchResult[] = [];
  for (const path of paths) {
    if (!(await isFolder(path))) {
      results.push(await readResult(path));
      continue;
    }
    const names = (await readdir(path)).filter((name) => name.endsWith(".json")).toSorted();
    for (const name of names) {
      const value = await readJson(join(path, name));
      if (looksLikeResult(value)) results.push(checkResult(value, join(path, name)));
    }
  }
  return results;
}

/** Throws KRB_BENCH_RESULT_INVALID with every mistake and its path. */
export function checkResult(value: unknown, origin: string): BenchResult {
  const parsed = benchResult.safeParse(value);
  const numberless = [...notFinite(value, "")];
  if (parsed.success && numberless.length === 0) return parsed.data;
  const problems = [...(parsed.error?.issues.map(problemText) ?? []), ...numberless];
  throw new KurobeError(
    "KRB_BENCH_RESULT_INVALID",
    `${origin} is no result of schema ${RESULT_SCHEMA_NAME}: ${problems.slice(0, 5).join("; ")}` +
      (problems.length > 5 ? `; and ${problems.length - 5} more` : ""),
    { details: { origin, problems } },
  );
}

function problemText({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}

/** JSON would write such a number as null, and nobody could tell it from "unknown". */
function* notFinite(value: unknown, path: string): Generator<string> {
  if (typeof value === "number" && !Number.isFinite(value)) yield `${path.slice(1)}: ${value}`;
  if (typeof value !== "object" || value === null) return;
  for (const [key, each] of Object.entries(value)) yield* notFinite(each, `${path}.${key}`);
}

function looksLikeResult(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "schema" in value &&
    typeof value.schema === "string" &&
    /^kurobe\.bench\/\d+$/.test(value.schema)
  );
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new KurobeError("KRB_BENCH_RESULT_FILE", `${path} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new KurobeError("KRB_BENCH_RESULT_INVALID", `${path} is no JSON: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
