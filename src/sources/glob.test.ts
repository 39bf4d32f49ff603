import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { listFiles, parseGlob } from "./glob.ts";

const FILES = [
  "a.csv",
  "b.ndjson",
  "a+b(1).csv",
  "sub/a.csv",
  "sub/deep/a.csv.gz",
  "sub/rejected/a.csv",
  ".hidden/a.csv",
];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-glob-"));
  for (const file of FILES) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), "");
  }
});
afterAll(async () => rm(directory, { recursive: true, force: true }));

it.each([
  ["*.csv", ["a+b(1).csv", "a.csv"]],
  ["?.csv", ["a.csv"]],
  ["*.{csv,ndjson}", ["a+b(1).csv", "a.csv", "b.ndjson"]],
  ["**/*.csv", ["a+b(1).csv", "a.csv", "sub/a.csv"]],
  ["**/a.csv*", ["a.csv", "sub/a.csv", "sub/deep/a.csv.gz"]],
  ["sub/**", ["sub/a.csv", "sub/deep/a.csv.gz"]],
  ["s*/deep/*", ["sub/deep/a.csv.gz"]],
  ["a+b(1).csv", ["a+b(1).csv"]],
  ["./sub/../a.csv", ["a.csv"]],
  ["sub", []],
  ["nothing/*.csv", undefined],
])("%s means %j", async (pattern, expected) => {
  const found = await listFiles(parseGlob(pattern, directory));
  expect(found?.map((path) => relative(directory, path))).toEqual(expected);
});
