import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKurobeError, type KurobeError } from "../core/errors.ts";
import { resolveProject } from "../plan/resolve.ts";
import { loadProject } from "./load-project.ts";

let directory: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "kurobe-project-")));
});

afterEach(async () => rm(directory, { recursive: true, force: true }));

const GOOD = `
import { column, count, dataset, defineProject, tumbling } from "kurobe";
const ticks = dataset({ columns: { time: column.timestamp() }, eventTime: "time" });
export default defineProject({
  name: "market",
  datasets: { ticks },
  windows: { per_minute: tumbling({ from: ticks, size: "1m", measure: { n: count() } }) },
});
`;

async function put(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return path;
}

async function failure(work: Promise<unknown>): Promise<KurobeError> {
  const error: unknown = await work.then(
    () => new Error("it worked"),
    (reason: unknown) => reason,
  );
  if (!isKurobeError(error)) throw error;
  return error;
}

describe("loading a project file", () => {
  it("finds it above the directory, and leaves nothing behind", async () => {
    const path = await put("kurobe.config.ts", GOOD);
    await mkdir(join(directory, "a", "b"), { recursive: true });
    const loaded = await loadProject(join(directory, "a", "b"));
    expect(loaded.path).toBe(path);
    expect(resolveProject(loaded.definition).windows[0]?.name).toBe("per_minute");
    expect(await readdir(directory)).toEqual(["a", "kurobe.config.ts"]);
  });

  it("names the modules that it is made of, and sees edits", async () => {
    const lib = await put("lib/names.ts", 'export const name: string = "one";');
    const text = GOOD.replace(
      "export default",
      'import { name } from "./lib/names.ts"; export default',
    );
    const path = await put("kurobe.config.ts", text.replace('"market"', "name"));
    const loaded = await loadProject(directory);
    expect(loaded.files).toEqual([path, lib].sort());
    expect(resolveProject(loaded.definition).name).toBe("one");
    await put("lib/names.ts", 'export const name: string = "two";');
    expect(resolveProject((await loadProject(directory)).definition).name).toBe("two");
  });

  it("takes packages from the project's own node_modules", async () => {
    await put(
      "node_modules/names/package.json",
      '{ "name": "names", "type": "module", "main": "i.js" }',
    );
    await put("node_modules/names/i.js", 'export const name = "from_package";');
    const text = GOOD.replace('"market"', "name").replace(
      "import",
      'import { name } from "names"; import',
    );
    await put("kurobe.config.mts", text);
    const loaded = await loadProject(directory);
    expect(resolveProject(loaded.definition).name).toBe("from_package");
    expect(await readdir(join(directory, "node_modules", ".kurobe"))).toEqual([]);
  });

  it("lets each module know its own place", async () => {
    await put(
      "lib/place.ts",
      'import { basename } from "node:path"; export const name = basename(import.meta.url, ".ts");',
    );
    const text = GOOD.replace(
      "export default",
      'import { name } from "./lib/place.ts"; export default',
    );
    await put("kurobe.config.ts", text.replace('"market"', "name"));
    expect(resolveProject((await loadProject(directory)).definition).name).toBe("place");
  });

  it("says where it looked", async () => {
    const error = await failure(loadProject(directory));
    expect(error.code).toBe("KRB_PROJECT_NOT_FOUND");
    expect(error.message).toContain(directory);
    const named = await failure(loadProject(directory, "other.ts"));
    expect(named.code).toBe("KRB_PROJECT_NOT_FOUND");
  });

  it("says where the syntax is wrong", async () => {
    await put("kurobe.config.ts", "export default {\n  name: = 1,\n};\n");
    const error = await failure(loadProject(directory));
    expect(error.code).toBe("KRB_PROJECT_SYNTAX");
    expect(error.message).toContain("kurobe.config.ts:2:9");
    expect(error.details["problems"]).toMatchObject([{ line: 2, column: 9 }]);
  });

  it("says which module is missing", async () => {
    await put("kurobe.config.ts", 'import { x } from "./nowhere.ts"; export default x;');
    const error = await failure(loadProject(directory));
    expect(error.code).toBe("KRB_PROJECT_SYNTAX");
    expect(error.message).toContain("./nowhere.ts");
    await put("kurobe.config.ts", 'import { x } from "no-such-package"; export default x;');
    const missing = await failure(loadProject(directory));
    expect(missing.code).toBe("KRB_PROJECT_LOAD");
    expect(missing.message).toContain("no-such-package");
  });

  it("tells a file that throws from one without a project", async () => {
    await put("kurobe.config.ts", 'throw new Error("no such desk");');
    const thrown = await failure(loadProject(directory));
    expect(thrown.code).toBe("KRB_PROJECT_LOAD");
    expect(thrown.message).toContain("kurobe.config.ts:1:7 could not be loaded: no such desk");
    await put("lib/desk.ts", '\nexport function desk(): never {\n  throw new Error("closed");\n}');
    await put("kurobe.config.ts", 'import { desk } from "./lib/desk.ts"; export default desk();');
    expect((await failure(loadProject(directory))).message).toContain(join("lib", "desk.ts:3:9"));
    await put("kurobe.config.ts", "export const project = 1;");
    expect((await failure(loadProject(directory))).code).toBe("KRB_PROJECT_NO_DEFAULT_EXPORT");
    await put("kurobe.config.ts", 'export default { name: "market" };');
    expect((await failure(loadProject(directory))).code).toBe("KRB_PROJECT_NOT_A_PROJECT");
  });
});
