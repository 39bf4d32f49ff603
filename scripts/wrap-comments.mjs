/**
 * Breaks comments wider than 100 columns, which the formatter leaves alone. Nothing else changes.
 * Takes files and folders; without any, all code of the repository.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { ROOT } from "./run-step.mjs";

const COLUMNS = 100;
const ONE_LINE_BLOCK = /^(\s*)\/\*\*? (.*) \*\/$/;
const BLOCK_LINE = /^(\s*) \* (.*)$/;
const LINE_COMMENT = /^(\s*)\/\/ (.*)$/;
/** Lines that mean something by where they break: lists, tables, drawings, tags. */
const KEEPS_BREAKS = /^(?:[-*|@]|\d+\.|\s)|\|\s*$/;

for (const path of files()) {
  const before = readFileSync(path, "utf8");
  const after = wrapComments(before.split("\n")).join("\n");
  if (after !== before) writeFileSync(path, after);
}

function files() {
  const named = process.argv.slice(2);
  const folders = named.length > 0 ? named : ["src", "test", "bench", "examples", "scripts"];
  const args = ["ls-files", "-co", "--exclude-standard", "-z", "--", ...folders];
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" })
    .split("\0")
    .filter((path) => /\.(ts|mjs)$/.test(path))
    .map((path) => `${ROOT}/${path}`);
}

function wrapComments(lines) {
  const result = [];
  for (let at = 0; at < lines.length;) {
    const oneLine = ONE_LINE_BLOCK.exec(lines[at]);
    if (oneLine !== null) {
      const [whole, indent, text] = oneLine;
      const isWide = widthOf(whole) > COLUMNS;
      const body = isWide ? wrap(text, `${indent} * `) : [];
      result.push(...(isWide ? [`${indent}/**`, ...body, `${indent} */`] : [whole]));
      at += 1;
      continue;
    }
    const pattern = [BLOCK_LINE, LINE_COMMENT].find((each) => each.test(lines[at]));
    const paragraph = pattern === undefined ? [] : paragraphAt(lines, at, pattern);
    if (paragraph.length === 0) {
      result.push(lines[at]);
      at += 1;
      continue;
    }
    result.push(...rewrapped(paragraph, pattern));
    at += paragraph.length;
  }
  return result;
}

function paragraphAt(lines, at, pattern) {
  const indent = pattern.exec(lines[at])[1];
  const isPart = (line) => {
    const match = line === undefined ? null : pattern.exec(line);
    return match !== null && match[1] === indent && !KEEPS_BREAKS.test(match[2]);
  };
  let end = at;
  while (isPart(lines[end])) end += 1;
  return lines.slice(at, end);
}

function rewrapped(paragraph, pattern) {
  if (paragraph.every((line) => widthOf(line) <= COLUMNS)) return paragraph;
  const [, indent] = pattern.exec(paragraph[0]);
  const text = paragraph.map((line) => pattern.exec(line)[2]).join(" ");
  return wrap(text, pattern === BLOCK_LINE ? `${indent} * ` : `${indent}// `);
}

function wrap(text, prefix) {
  const lines = [];
  let line = prefix;
  for (const word of text.split(/ +/)) {
    const isFirst = line === prefix;
    if (!isFirst && widthOf(line) + 1 + widthOf(word) > COLUMNS) {
      lines.push(line);
      line = prefix + word;
    } else {
      line += isFirst ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}

function widthOf(text) {
  return [...text].length;
}
