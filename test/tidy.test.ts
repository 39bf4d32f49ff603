/** How the repository's files must look, where no linter looks. */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryFiles, ROOT, sourceFiles, withoutComments } from "./source-files.ts";

const MAX_LINES = 500;
const MAX_COLUMNS = 100;
const MAX_TEXT_COLUMNS = 120;
const BANNED_NAMES = /^(utils?|helpers?|common|misc|types?|manager|service|constants)(\.|-|$)/;
const CODE_FOLDERS = ["src", "test", "bench", "examples", "scripts"] as const;

const code = repositoryFiles(...CODE_FOLDERS).filter((path) => /\.(ts|mts|mjs|js)$/.test(path));
const source = code.filter((path) => !path.endsWith(".test.ts"));
const pages = repositoryFiles().filter((path) => path.endsWith(".md"));
const texts = repositoryFiles().filter((path) => /\.(ts|mjs|md|json|ya?ml|sh)$/.test(path));

function linesOf(path: string): readonly string[] {
  return readFileSync(path, "utf8").split("\n");
}

/** `path:line` of every line for which `isWrong` says so. */
function wrongLines(
  paths: readonly string[],
  isWrong: (line: string) => boolean,
): readonly string[] {
  return paths.flatMap((path) =>
    linesOf(path).flatMap((line, index) =>
      isWrong(line) ? [`${relative(ROOT, path)}:${index + 1} ${line.trim()}`] : [],
    ),
  );
}

describe("files", () => {
  it(`have at most ${MAX_LINES} lines`, () => {
    const long = code.filter((path) => linesOf(path).length > MAX_LINES + 1);
    expect(long.map((path) => relative(ROOT, path))).toEqual([]);
  });

  it("have kebab-case names that say what is in them", () => {
    const wrong = code.filter((path) => {
      const name = basename(path);
      return !/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(name) || BANNED_NAMES.test(name);
    });
    expect(wrong.map((path) => relative(ROOT, path))).toEqual([]);
  });

  it(`have at most ${MAX_COLUMNS} columns, and ${MAX_TEXT_COLUMNS} where a text cannot be broken`, () => {
    const isPattern = (line: string): boolean => /^\s*\/.*\/[a-z]*[;,]?$/.test(line);
    const isWide = (line: string): boolean =>
      !isPattern(line) &&
      Array.from(line).length > (/["`]|\$\{/.test(line) ? MAX_TEXT_COLUMNS : MAX_COLUMNS);
    expect(wrongLines(source, isWide)).toEqual([]);
  });

  it("leave nothing for later in a comment", () => {
    const marks = /\b(?:TODO|FIXME|XXX|HACK)\b/;
    expect(wrongLines(notThis(code), (line) => marks.test(line))).toEqual([]);
  });

  it("name no path of the machine they were written on", () => {
    const machine = /\/work\/|\/root\//;
    expect(wrongLines(notThis(texts), (line) => machine.test(line))).toEqual([]);
  });
});

describe("SQL", () => {
  // What `cli/` writes is a user's SQL, sent over HTTP.
  const runTime = sourceFiles("src").filter((path) => !/\.test\.ts$|\/src\/cli\//.test(path));

  it("names its columns: no SELECT *", () => {
    const star = /\bSELECT\s+(?:\w+\.)?\*(?!\s*(?:EXCLUDE|REPLACE)\b)/;
    const wrong = runTime.filter((path) => star.test(withoutComments(readFileSync(path, "utf8"))));
    expect(wrong.map((path) => relative(ROOT, path))).toEqual([]);
  });

  it("is written with the tag", () => {
    // A template literal that opens with a statement's keyword and is handed to no tag.
    const untagged =
      /(?<![\w.)\]])`\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|DROP|ALTER|COPY|WITH|SET)\s[^`]*`/;
    const wrong = runTime.filter((path) =>
      untagged.test(withoutComments(readFileSync(path, "utf8"))),
    );
    expect(wrong.map((path) => relative(ROOT, path))).toEqual([]);
  });
});

describe("pages", () => {
  it("have one title", () => {
    const wrong = pages.filter((path) => {
      const titles = withoutFences(readFileSync(path, "utf8")).match(/^# .+$|<h1[ >]/gm) ?? [];
      return titles.length !== 1;
    });
    expect(wrong.map((path) => relative(ROOT, path))).toEqual([]);
  });

  it("link to files and headings that exist", () => {
    expect(pages.flatMap((path) => deadLinks(path))).toEqual([]);
  });
});

/** This file has to name what it forbids. */
function notThis(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => basename(path) !== "tidy.test.ts");
}

function deadLinks(path: string): readonly string[] {
  const text = withoutFences(readFileSync(path, "utf8"));
  const targets = [...text.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)|\b(?:src|href)="([^"]+)"/g)]
    .map(([, inline, attribute]) => inline ?? attribute ?? "")
    .filter((target) => !/^[a-z]+:/.test(target));
  return targets
    .filter((target) => !resolves(path, target))
    .map((target) => `${relative(ROOT, path)}: ${target}`);
}

function resolves(from: string, target: string): boolean {
  const [file = "", heading] = decodeURI(target).split("#");
  const path = file === "" ? from : join(dirname(from), file);
  if (!existsSync(path)) return false;
  if (heading === undefined || extname(path) !== ".md") return true;
  return headingsOf(readFileSync(path, "utf8")).includes(heading);
}

/** Anchors as GitHub makes them. */
function headingsOf(text: string): readonly string[] {
  return (withoutFences(text).match(/^#{1,6} .+$/gm) ?? []).map((line) =>
    line
      .replace(/^#+ /, "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function withoutFences(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1\s*$/gm, "");
}
