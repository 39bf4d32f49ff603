/** `kurobe plan`: what the machine will run, and what that changes in the data that is there. */
import { dirname, resolve } from "node:path";
import { type PlanChange } from "../../engine/plan-change.ts";
import { type Change } from "../../plan/diff.ts";
import { type Plan } from "../../plan/plan.ts";
import { readSettings } from "../../platform/settings.ts";
import { defineCommand } from "../command.ts";
import { showMany } from "../figures.ts";
import { type Output } from "../output.ts";
import { PROJECT_OPTIONS, readPlan } from "../read-plan.ts";

export const plan = defineCommand({
  name: "plan",
  summary: "Show what the project will run, and what a change of it will do",
  description: [
    "Compares the project file with the last checkpoint of the data directory: what stays, what is new, what is " +
      "computed again, and what would be lost. Nothing is changed; it may run beside a server.",
    "`kurobe start` carries the change out; where data would be lost, only with --yes.",
  ],
  options: {
    ...PROJECT_OPTIONS,
    data: {
      kind: "text",
      value: "directory",
      prose: "The data directory to compare with.",
      defaultProse: "KUROBE_DATA, else ./.kurobe beside the project file",
    },
    explain: { kind: "switch", prose: "Show everything that will run, defaults included." },
  },
  examples: [
    { prose: "What would my edits do?", line: "kurobe plan" },
    { prose: "Every default, spelt out", line: "kurobe plan --explain" },
  ],
  run: async ({ options, output, terminal }) => {
    const { plan: after, path } = await readPlan(options, terminal);
    const { dataDirectory } = readSettings({
      flags: { data: options.data },
      environment: terminal.environment,
    });
    const base = options.data === undefined ? dirname(path) : terminal.workingDirectory;
    const directory = resolve(base, dataDirectory);
    const before = await storedPlan(directory);
    const { planChange } = await import("../../engine/plan-change.ts");
    const verdict = before === null ? null : planChange(before, after);
    const changes = verdict?.changes ?? [];
    output.json({
      path,
      directory,
      before: before?.fingerprint ?? null,
      after: after.fingerprint,
      changes,
      destructive: verdict?.destructive ?? [],
      impossible: verdict?.impossible ?? [],
      ...(options.explain ? { plan: after } : {}),
    });
    if (options.explain) await explain(after, output);
    showChanges(changes, verdict, output, directory);
  },
});

async function explain(after: Plan, output: Output): Promise<void> {
  const { explainPlan } = await import("../../plan/explain.ts");
  output.line(explainPlan(after));
  output.line();
}

/** Of the last checkpoint; null where there is none, and nothing to compare with. */
async function storedPlan(directory: string): Promise<Plan | null> {
  const { readCurrentManifest } = await import("../../storage/manifest.ts");
  const { nodeDisk } = await import("../../core/node-disk.ts");
  const current = await readCurrentManifest(nodeDisk, directory);
  return current?.manifest.plan ?? null;
}

const SIGNS = { keep: " ", add: "+", rebuild: "~", destructive: "-", impossible: "!" } as const;

function showChanges(
  changes: readonly Change[],
  verdict: PlanChange | null,
  output: Output,
  directory: string,
): void {
  const { dim, green, yellow, red, bold } = output.paint;
  if (verdict === null) {
    output.line(`${directory} has no checkpoint yet: everything is new.`);
    return;
  }
  const colours = { keep: dim, add: green, rebuild: yellow, destructive: red, impossible: red };
  const shown = changes.filter(({ kind, reason }) => kind !== "keep" || reason !== "unchanged");
  const unchanged = changes.length - shown.length;
  for (const { kind, subject, reason } of shown) {
    output.line(`${colours[kind](`${SIGNS[kind]} ${kind.padEnd(11)} ${subject}`)}  ${reason}`);
  }
  if (unchanged > 0) output.line(dim(`  ${unchanged} unchanged`));
  output.line();
  if (verdict.impossible.length > 0) {
    const count = showMany(verdict.impossible.length, "change cannot", "changes cannot");
    output.line(`${count} be carried out: take back what is marked !, or declare a new dataset.`);
    return;
  }
  if (verdict.destructive.length === 0) {
    output.line(shown.length === 0 ? "Nothing changes." : "Nothing stored is lost.");
    return;
  }
  const count = showMany(verdict.destructive.length, "change loses", "changes lose");
  output.line(`${count} data; ${bold("kurobe start --yes")} carries them out.`);
}
