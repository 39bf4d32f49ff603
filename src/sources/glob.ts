/** Finds the files that a pattern means, in the order of their paths. */
import { type Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";

/** Where files go that could not be read: never looked into. */
export const REJECTED_FOLDER = "rejected";

export interface Glob {
  /** Absolute: the folder above the first part that is a pattern. */
  readonly root: string;
  /** Parts below the root: one regular expression a folder or file, null for `**`. */
  readonly parts: readonly (RegExp | null)[];
}

export function parseGlob(pattern: string, directory: string): Glob {
  const parts = pattern.split("/").filter((part, index) => part !== "" || index === 0);
  const plain = parts.findIndex((part) => /[*?{]/.test(part));
  // Without any pattern, the last part is the file itself.
  const fixed = plain < 0 ? parts.length - 1 : plain;
  return {
    root: resolve(
      directory,
      parts.slice(0, fixed).join("/") || (pattern.startsWith("/") ? "/" : "."),
    ),
    parts: parts.slice(fixed).map((part) => (part === "**" ? null : partPattern(part))),
  };
}

function partPattern(part: string): RegExp {
  let source = "";
  let depth = 0;
  for (const char of part) {
    if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "{") {
      source += "(?:";
      depth++;
    } else if (char === "}" && depth > 0) {
      source += ")";
      depth--;
    } else if (char === "," && depth > 0) source += "|";
    else source += char.replace(/[$()+.[\\\]^|]/, "\\$&");
  }
  return new RegExp(`^${source}${")".repeat(depth)}$`, "u");
}

/**
 * Absolute paths, sorted. Hidden files and folders and `rejected/` are not looked at, links are not
 * followed. Undefined where the root is not there (yet).
 */
export async function listFiles({ root, parts }: Glob): Promise<readonly string[] | undefined> {
  const found = new Set<string>();
  if (!(await collect(root, parts, found))) return undefined;
  return [...found].sort();
}

/** False where the folder cannot be read. */
async function collect(
  folder: string,
  parts: readonly (RegExp | null)[],
  found: Set<string>,
): Promise<boolean> {
  const [part, ...rest] = parts;
  if (part === undefined) return true;
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => null);
  if (entries === null) return false;
  // `**` stands for no folder at all, too.
  if (part === null && rest.length > 0) await collect(folder, rest, found);
  for (const entry of entries) {
    if (isSkipped(entry)) continue;
    const path = join(folder, entry.name);
    if (part === null) {
      if (entry.isDirectory()) await collect(path, parts, found);
      else if (rest.length === 0 && entry.isFile()) found.add(path);
    } else if (part.test(entry.name)) {
      if (rest.length > 0 && entry.isDirectory()) await collect(path, rest, found);
      else if (rest.length === 0 && entry.isFile()) found.add(path);
    }
  }
  return true;
}

function isSkipped(entry: Dirent): boolean {
  return entry.name.startsWith(".") || (entry.isDirectory() && entry.name === REJECTED_FOLDER);
}
