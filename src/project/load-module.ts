/**
 * Loads one TypeScript or JavaScript file with the modules it is made of, whatever Node can read by
 * itself.
 */
import { build, type BuildResult, type Plugin } from "esbuild";
import { randomUUID } from "node:crypto";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { KurobeError } from "../core/errors.ts";

export interface LoadedModule {
  /** What it exports as default. */
  readonly value: unknown;
  /** The file and all of its own modules, absolute: a change in one of them changes it. */
  readonly files: readonly string[];
}

/**
 * Packages are not bundled, so they are what is installed beside the file; `"kurobe"` is always the
 * copy that is running. Throws KRB_PROJECT_SYNTAX, KRB_PROJECT_LOAD and
 * KRB_PROJECT_NO_DEFAULT_EXPORT, each with the place.
 */
export async function loadModule(path: string): Promise<LoadedModule> {
  const bundled = await bundle(path);
  const exported = await importBundle(path, bundled);
  const hasDefault = typeof exported === "object" && exported !== null && "default" in exported;
  const value = hasDefault ? exported.default : undefined;
  if (value === undefined) {
    throw new KurobeError("KRB_PROJECT_NO_DEFAULT_EXPORT", `${path} has no default export`, {
      details: { path },
    });
  }
  return { value, files: bundled.files };
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** This package's entry, as TypeScript when we run from source. */
const OWN_ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../index.ts" : "../index.js", import.meta.url),
);

interface Bundle {
  readonly code: string;
  /** From the bundle's lines to those of the files it is made of, as JSON. */
  readonly sourceMap: string;
  readonly files: readonly string[];
}

async function bundle(path: string): Promise<Bundle> {
  const directory = dirname(path);
  let result: BuildResult<{ write: false; metafile: true }>;
  try {
    result = await build({
      absWorkingDir: directory,
      entryPoints: [path],
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      format: "esm",
      target: "node20",
      sourcemap: "external",
      outfile: "project.mjs",
      define: {
        "import.meta.url": "kurobe_url",
        "import.meta.dirname": "kurobe_directory",
        "import.meta.filename": "kurobe_path",
        __dirname: "kurobe_directory",
        __filename: "kurobe_path",
      },
      logLevel: "silent",
      // The second of two windows of one name would silently take the place of the first.
      logOverride: { "duplicate-object-key": "error" },
      plugins: [externalPackages, ownPlace],
    });
  } catch (error) {
    throw syntaxError(path, error);
  }
  const own = dirname(OWN_ENTRY);
  const files = Object.keys(result.metafile.inputs)
    .map((file) => resolve(directory, file))
    .filter((file) => relative(own, file).startsWith("..") || isAbsolute(relative(own, file)));
  const output = (ending: string): string =>
    result.outputFiles.find((file) => file.path.endsWith(ending))?.text ?? "";
  return { code: output(".mjs"), sourceMap: output(".map"), files: files.sort() };
}

const externalPackages: Plugin = {
  name: "external-packages",
  setup(build) {
    // Node 20 cannot import our TypeScript, so from source our own modules go into the bundle.
    build.onResolve({ filter: /^kurobe$/ }, () =>
      OWN_ENTRY.endsWith(".ts")
        ? { path: OWN_ENTRY }
        : { path: pathToFileURL(OWN_ENTRY).href, external: true },
    );
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" || isAbsolute(path) ? undefined : { path, external: true },
    );
  },
};

const LOADERS: Readonly<Record<string, "ts" | "js">> = { t: "ts", j: "js" };

/** The bundle lies elsewhere: what a module says about its own place must stay true. */
const ownPlace: Plugin = {
  name: "own-place",
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]s$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      if (!/import\.meta|__dirname|__filename/.test(source)) return undefined;
      const values = { url: pathToFileURL(path).href, path, directory: dirname(path) };
      const constants = Object.entries(values).map(
        ([name, value]) => `const kurobe_${name} = ${JSON.stringify(value)};`,
      );
      const loader = LOADERS[path.at(-2) ?? ""] ?? "js";
      return { contents: `${constants.join(" ")} ${source}`, loader };
    });
  },
};

/** Beside the file, so that its packages are found; removed at once. */
async function importBundle(path: string, { code, sourceMap }: Bundle): Promise<unknown> {
  const modules = join(dirname(path), "node_modules");
  const folder = (await exists(modules)) ? join(modules, ".kurobe") : dirname(path);
  // A new name every time: Node keeps modules by their address, and edits must be seen.
  const file = join(folder, `.kurobe.config.${randomUUID()}.mjs`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(file, code);
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const place = placeOf(error, file, sourceMap, dirname(path)) ?? path;
    throw new KurobeError("KRB_PROJECT_LOAD", `${place} could not be loaded: ${reason}`, {
      cause: error,
      details: { path, place },
    });
  } finally {
    await rm(file, { force: true });
  }
}

/** `file:line:column` of the innermost call that lies in the file's own modules. */
function placeOf(
  error: unknown,
  file: string,
  sourceMap: string,
  directory: string,
): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const frame = stack.split("\n").find((line) => line.includes(basename(file)));
  const position = /:(\d+):(\d+)\)?$/.exec(frame ?? "");
  if (position === null) return undefined;
  const map = new SourceMap(JSON.parse(sourceMap));
  const entry = map.findEntry(Number(position[1]) - 1, Number(position[2]) - 1);
  if (!("originalSource" in entry)) return undefined;
  const source = resolve(directory, entry.originalSource);
  return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}

interface BuildMessage {
  readonly text: string;
  readonly location: {
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly lineText: string;
  } | null;
}

function syntaxError(path: string, error: unknown): KurobeError {
  const messages = isBuildFailure(error) ? error.errors : [];
  const problems = messages.map(({ text, location }) => ({
    text,
    file: location === null ? path : resolve(dirname(path), location.file),
    line: location?.line ?? null,
    column: location === null ? null : location.column + 1,
    source: location?.lineText ?? null,
  }));
  const lines = problems.map(({ text, file, line, column, source }) => {
    const place = line === null ? file : `${file}:${line}:${column}`;
    return `  ${place}: ${text}${source === null ? "" : `\n    ${source.trim()}`}`;
  });
  const reason = lines.length === 0 ? `  ${String(error)}` : lines.join("\n");
  return new KurobeError("KRB_PROJECT_SYNTAX", `${path} cannot be read:\n${reason}`, {
    cause: error,
    details: { path, problems },
  });
}

function isBuildFailure(error: unknown): error is { readonly errors: readonly BuildMessage[] } {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}
