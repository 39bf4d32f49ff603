/** The generated pages of the docs are what the code says today. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { referencePages } from "../scripts/reference-pages.ts";
import { ROOT } from "./source-files.ts";

describe("the reference", async () => {
  const pages = await referencePages();

  it.each(pages.map((page) => [page.path, page.text] as const))(
    "%s is up to date",
    (path, text) => {
      const target = join(ROOT, path);
      const written = existsSync(target) ? readFileSync(target, "utf8") : "";
      expect(written, "run `npm run reference` and commit what it writes").toBe(text);
    },
  );
});
