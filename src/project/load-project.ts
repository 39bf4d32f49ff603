/** Finds `kurobe.config.ts` and loads it, wherever it lies and whatever it is written in. */
import { dirname, join, resolve } from "node:path";
import { KurobeError } from "../core/errors.ts";
import { isBranded } from "./brand.ts";
import { exists, loadModule } from "./load-module.ts";
import { type ProjectDefinition } from "./project.ts";

export const PROJECT_FILES = [
  "kurobe.config.ts",
  "kurobe.config.mts",
  "kurobe.config.js",
  "kurobe.config.mjs",
] as const;

export interface LoadedProject {
  readonly definition: ProjectDefinition;
  readonly path: string;
  /** The project file and all of its own modules, absolute: a change in one of them changes it. */
  readonly files: readonly string[];
}

/**
 * Looks in `directory` and upward, or takes `path` where it names a file.
 */
export async function loadProject(directory: string, path?: string): Promise<LoadedProject> {
  const found = path === undefined ? await findProject(directory) : resolve(directory, path);
  if (!(await exists(found))) {
    throw new KurobeError("KRB_PROJECT_NOT_FOUND", `there is no project file ${found}`, {
      details: { path: found },
    });
  }
  const { value, files } = await loadModule(found);
  return { definition: definitionOf(found, value), path: found, files };
}

/** The nearest project file; `KRB_PROJECT_NOT_FOUND` where no parent has one either. */
export async function findProject(directory: string): Promise<string> {
  const start = resolve(directory);
  for (let at = start; ; at = dirname(at)) {
    for (const name of PROJECT_FILES) {
      const path = join(at, name);
      if (await exists(path)) return path;
    }
    if (at === dirname(at)) break;
  }
  const message = `no kurobe.config.ts in ${start} or above it`;
  throw new KurobeError("KRB_PROJECT_NOT_FOUND", message, { details: { directory: start } });
}

function definitionOf(path: string, value: unknown): ProjectDefinition {
  if (isBranded(value, "project")) return value as ProjectDefinition;
  throw new KurobeError(
    "KRB_PROJECT_NOT_A_PROJECT",
    `the default export of ${path} is no project`,
    {
      details: { path },
    },
  );
}
