/** `kurobe init`: a starter project that works as it is. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { KurobeError } from "../../core/errors.ts";
import { defineCommand } from "../command.ts";
import { type StarterFile, starterFiles } from "../starter-project.ts";

export const init = defineCommand({
  name: "init",
  summary: "Write a starter project with sample data",
  description: [
    "A project file with one dataset and one window, 600 rows of sample data, and a README with the next steps. " +
      "Files that are there already are never overwritten: it stops before it writes anything.",
  ],
  positionals: [
    {
      name: "directory",
      prose: "Where to; made if it is missing. Default: here.",
      isOptional: true,
    },
  ],
  options: {
    name: {
      kind: "text",
      value: "word",
      prose: "Name of the project: lower case letters, digits and underscores.",
      defaultProse: "from the directory's name",
    },
  },
  examples: [
    { prose: "In a new folder", line: "kurobe init weather" },
    { prose: "Here, with a name of its own", line: "kurobe init --name weather" },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const directory = resolve(terminal.workingDirectory, positionals[0] ?? ".");
    const name = options.name ?? nameFrom(directory);
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) {
      throw new KurobeError("KRB_CLI_USAGE", `${JSON.stringify(name)} is no name for a project`, {
        hint: "Begin with a letter a to z; go on with lower case letters, digits and underscores.",
      });
    }
    const files = starterFiles({ name, version: await ownVersion() });
    await refuseExisting(directory, files);
    for (const { path, text } of files) {
      const target = join(directory, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text).catch((error: unknown) => {
        throw new KurobeError("KRB_CLI_FILE", `${target} cannot be written`, { cause: error });
      });
    }
    const paths = files.map(({ path }) => path);
    output.json({ directory, name, files: paths });
    for (const path of paths) output.line(`${output.paint.green("+")} ${path}`);
    const where = relative(terminal.workingDirectory, directory);
    output.line();
    output.line("Next:");
    if (where !== "") output.line(`  cd ${where}`);
    output.line("  kurobe dev");
    output.line("  kurobe ingest readings readings.ndjson    # in a second terminal");
    output.line('  kurobe sql "SELECT sensor, window_start, mean FROM hourly ORDER BY 2, 1"');
  },
});

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}

function nameFrom(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+|_+$/g, "");
  return name === "" ? "my_project" : name.slice(0, 63);
}

/** An empty file is nobody's work. */
async function refuseExisting(directory: string, files: readonly StarterFile[]): Promise<void> {
  const taken: string[] = [];
  for (const { path } of files) {
    const found = await stat(join(directory, path)).catch(() => undefined);
    if (found !== undefined && (found.isDirectory() || found.size > 0)) taken.push(path);
  }
  if (taken.length === 0) return;
  throw new KurobeError("KRB_CLI_FILE_EXISTS", `${directory} already has ${taken.join(", ")}`, {
    details: { directory, files: taken },
  });
}
