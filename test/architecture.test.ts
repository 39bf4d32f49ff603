/** The room table of ARCHITECTURE.md, executed: data flows down the list, imports point up it. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { importsOf, ROOT, sourceFiles } from "./source-files.ts";

interface Room {
  readonly name: string;
  /** What it may import besides `core` and itself. */
  readonly imports: readonly string[];
}

const ROOMS = roomTable(readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8"));

/** Main files that do not bear their room's name. */
const MAIN_FILES: Readonly<Record<string, string>> = {
  cli: "main.ts",
  core: "errors.ts",
  decode: "decoder.ts",
  platform: "open-platform.ts",
  storage: "manifest.ts",
  windows: "window-stage.ts",
};

/** Rows such as ``| `log/` | sentence | plan |``; `all` and `all above` stand for rooms. */
function roomTable(page: string): readonly Room[] {
  const rows = [...page.matchAll(/^\| `([a-z]+)\/` \| [^|]+ \| ([^|]+) \|$/gm)];
  const names = rows.map(([, name = ""]) => name);
  return rows.map(([, name = "", cell = ""], index) => {
    if (cell.trim() === "all") return { name, imports: names };
    if (cell.startsWith("all above")) return { name, imports: names.slice(0, index) };
    return { name, imports: names.filter((each) => new RegExp(`\\b${each}\\b`).test(cell)) };
  });
}

/** Rooms whose bytes must survive a power loss: they know `Disk`, never the file system itself. */
const DURABLE_ROOMS: readonly string[] = [
  "log",
  "storage",
  "engine",
  "streams",
  "windows",
  "ingest",
];

/** Rooms whose work a replay repeats: a clock or a random number would make it differ. */
const REPLAYED_ROOMS: readonly string[] = [
  "project",
  "plan",
  "decode",
  "engine",
  "streams",
  "windows",
  "alerts",
];

/** Packages that one room alone may know. */
const OWNED_PACKAGES: Readonly<Record<string, string>> = {
  "@duckdb/node-api": "duckdb",
  "@duckdb/node-bindings": "duckdb",
  esbuild: "project",
  fastify: "serve",
};

const SRC = join(ROOT, "src");
const files = sourceFiles("src").filter(
  (path) => !path.endsWith(".test.ts") && path !== join(SRC, "index.ts"),
);

function roomOf(path: string): string {
  return relative(SRC, path).split(sep)[0] ?? "";
}

function offenders(check: (path: string) => boolean): readonly string[] {
  return files.filter((path) => check(path)).map((path) => relative(ROOT, path));
}

describe("architecture", () => {
  it("has nothing under src/ but rooms and the package's front door", () => {
    const entries = readdirSync(SRC, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    const loose = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
    expect(folders.toSorted()).toEqual(ROOMS.map(({ name }) => name).toSorted());
    expect(loose).toEqual(["index.ts"]);
  });

  it("opens each room's main file with its purpose in one sentence", () => {
    const mute = ROOMS.map(({ name }) => join(SRC, name, MAIN_FILES[name] ?? `${name}.ts`)).filter(
      (path) => {
        if (!files.includes(path)) return true;
        const text = readFileSync(path, "utf8").replace(/^#!.*\n/, "");
        return !/^\/\*\*[\s*]+\S[^*]*[.:]/.test(text);
      },
    );
    expect(mute).toEqual([]);
  });

  it("imports only up the list of rooms", () => {
    const wrong: string[] = [];
    for (const path of files) {
      const room = roomOf(path);
      for (const specifier of importsOf(path).filter((name) => name.startsWith("."))) {
        const target = resolve(path, "..", specifier);
        const other = roomOf(target);
        const allowed = ["core", room, ...(ROOMS.find(({ name }) => name === room)?.imports ?? [])];
        const isUp = room === "core" ? other === "core" : allowed.includes(other);
        if (!isUp) wrong.push(`${relative(ROOT, path)} -> ${relative(ROOT, target)}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("writes relative imports with their extension, so that the compiler can rewrite them", () => {
    const wrong = offenders((path) =>
      importsOf(path).some((name) => name.startsWith(".") && !name.endsWith(".ts")),
    );
    expect(wrong).toEqual([]);
  });

  it("lets one room alone know each heavy package", () => {
    const wrong = offenders((path) =>
      importsOf(path).some(
        (name) => name in OWNED_PACKAGES && OWNED_PACKAGES[name] !== roomOf(path),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("keeps node:fs out of the rooms whose bytes must survive a power loss", () => {
    const wrong = offenders(
      (path) =>
        DURABLE_ROOMS.includes(roomOf(path)) &&
        importsOf(path).some((name) => /^(node:)?fs(\/promises)?$/.test(name)),
    );
    expect(wrong).toEqual([]);
  });

  it("reads no clock and no random number where a replay must repeat the work", () => {
    const impure = /\b(?:Date\.now|new Date|Math\.random)\(\)/;
    const wrong = offenders(
      (path) => REPLAYED_ROOMS.includes(roomOf(path)) && impure.test(readFileSync(path, "utf8")),
    );
    expect(wrong).toEqual([]);
  });
});

describe("the reader of imports", () => {
  it("sees static, dynamic, type and side-effect imports, and no comments", () => {
    const found = importsOf(join(ROOT, "test", "architecture.test.ts"));
    expect(found).toEqual(["node:fs", "node:path", "vitest", "./source-files.ts"]);
  });
});
