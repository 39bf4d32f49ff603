/** The error catalogue, its page in the docs, and the code that raises errors say the same. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ERROR_CATALOG } from "../src/core/error-catalog.ts";
import { sourceFiles, withoutComments } from "./source-files.ts";

const codes = Object.keys(ERROR_CATALOG);
const raising = sourceFiles("src")
  .filter((path) => !path.includes("error-catalog") && !path.endsWith(".test.ts"))
  .map((path) => withoutComments(readFileSync(path, "utf8")))
  .join("\n");

describe("the error catalogue", () => {
  it("holds no code that nothing raises", () => {
    expect(codes.filter((code) => !raising.includes(`"${code}"`))).toEqual([]);
  });

  it("names each code after its room and one fact", () => {
    expect(codes.filter((code) => !/^KRB_[A-Z]+(_[A-Z]+)+$/.test(code))).toEqual([]);
  });

  it("says in every hint what to do, as a sentence", () => {
    const mute = Object.entries(ERROR_CATALOG).filter(
      ([, { hint }]) => !/^[A-Z`].*[.!?]$/.test(hint),
    );
    expect(mute.map(([code]) => code)).toEqual([]);
  });

  it("gives every code a status that HTTP, SQL and the shell understand", () => {
    const wrong = Object.entries(ERROR_CATALOG).filter(
      ([, entry]) => entry.http < 400 || entry.http > 599 || !/^[0-9A-Z]{5}$/.test(entry.sqlstate),
    );
    expect(wrong.map(([code]) => code)).toEqual([]);
  });
});
