/** Runs a project, watches its files, and runs it again after each edit that makes sense. */
import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { isKurobeError } from "../core/errors.ts";
import { type Settings } from "../platform/settings.ts";
import { resolveProject } from "../plan/resolve.ts";
import { loadProject } from "../project/load-project.ts";
import { describeReady } from "./describe-ready.ts";
import { type Output } from "./output.ts";
import { runEngine } from "./run-engine.ts";
import { type Terminal } from "./terminal.ts";

export interface DevelopmentOptions {
  readonly settings: Settings;
  readonly acceptDestructive: boolean;
  readonly output: Output;
  readonly terminal: Terminal;
}

/** Editors write a file in several steps: an edit counts when nothing more comes for so long. */
const SETTLE_MS = 150;

export async function runDevelopment(options: DevelopmentOptions): Promise<void> {
  const { output, terminal, settings, acceptDestructive } = options;
  while (!terminal.signal.aborted) {
    const { files, plan } = await load(terminal.workingDirectory);
    const edit = new AbortController();
    const stop = AbortSignal.any([terminal.signal, edit.signal]);
    const watching = watchProject(
      files,
      terminal.workingDirectory,
      plan.fingerprint,
      output,
      () => {
        output.note(output.notePaint.cyan("The project has changed: starting again."));
        edit.abort();
      },
    );
    try {
      await runEngine({
        order: {
          kind: "open",
          settings,
          projectDirectory: terminal.workingDirectory,
          acceptDestructive,
        },
        output,
        signal: stop,
        onReady: (report) => describeReady(output, report),
      });
      if (!edit.signal.aborted) return;
    } catch (error) {
      if (!isKurobeError(error, "KRB_ENGINE_PLAN_CHANGE")) throw error;
      output.note(output.notePaint.yellow(`${error.message}. ${error.hint}`));
      await untilAborted(stop);
    } finally {
      watching();
    }
  }
}

async function load(directory: string): Promise<{
  readonly files: readonly string[];
  readonly plan: ReturnType<typeof resolveProject>;
}> {
  const { definition, files } = await loadProject(directory);
  return { files, plan: resolveProject(definition) };
}

/** Calls `onEdit` once, after an edit that loads and means something else than before. */
function watchProject(
  files: readonly string[],
  directory: string,
  fingerprint: string,
  output: Output,
  onEdit: () => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    try {
      const { plan } = await load(directory);
      if (plan.fingerprint !== fingerprint) onEdit();
    } catch (error) {
      if (!isKurobeError(error)) throw error;
      output.note(output.notePaint.red(`${error.code}: ${error.message}`));
      output.note("The project goes on as it was before the edit.");
    }
  };
  const touched = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), SETTLE_MS);
  };
  // Directories, because editors replace files by renaming.
  const directories = new Set(files.map((file) => dirname(file)));
  const watchers: FSWatcher[] = [...directories].map((path) => watch(path, touched));
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
