/** `npm run reference`: writes the reference pages; a test compares them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { referencePages } from "./reference-pages.ts";

const ROOT = dirname(import.meta.dirname);

for (const { path, text } of await referencePages()) {
  const target = join(ROOT, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  console.log(path);
}
