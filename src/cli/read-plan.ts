/** The plan of the project that a command runs in. */
import { type Plan } from "../plan/plan.ts";
import { type OptionSpecs, type OptionValues } from "./command.ts";
import { type Terminal } from "./terminal.ts";

export const PROJECT_OPTIONS = {
  project: {
    kind: "text",
    value: "file",
    prose: "The project file.",
    defaultProse: "kurobe.config.ts here or above",
  },
} as const satisfies OptionSpecs;

export interface FoundPlan {
  readonly plan: Plan;
  /** Of the project file, absolute. */
  readonly path: string;
}

/** Throws coded errors for a missing, broken or mistaken project file. */
export async function readPlan(
  { project }: OptionValues<typeof PROJECT_OPTIONS>,
  { workingDirectory }: Terminal,
): Promise<FoundPlan> {
  const { loadProject } = await import("../project/load-project.ts");
  const { resolveProject } = await import("../plan/resolve.ts");
  const { definition, path } = await loadProject(workingDirectory, project);
  return { plan: resolveProject(definition), path };
}
