/** `kurobe check`: is the project file right? */
import { defineCommand } from "../command.ts";
import { showMany } from "../figures.ts";
import { PROJECT_OPTIONS, readPlan } from "../read-plan.ts";

export const check = defineCommand({
  name: "check",
  summary: "Check the project file and report all mistakes together",
  description: [
    "Looks for kurobe.config.ts here and in the folders above. Each mistake comes with its place, what was " +
      "expected there, and how to write it. Nothing is started and no data is touched.",
  ],
  options: { ...PROJECT_OPTIONS },
  examples: [
    { prose: "The project of this folder", line: "kurobe check" },
    { prose: "In a script: exit code 0 or 1, mistakes as JSON", line: "kurobe check --json" },
  ],
  run: async ({ options, output, terminal }) => {
    const { plan, path } = await readPlan(options, terminal);
    const { name, datasets, streams, windows, fingerprint, alerts, sinks, sources = [] } = plan;
    output.json({
      ok: true,
      path,
      name,
      fingerprint,
      datasets: names(datasets),
      streams: names(streams),
      windows: names(windows),
      alerts: names(alerts),
      sinks: names(sinks),
      sources: names(sources),
    });
    const parts = [
      showMany(datasets.length, "dataset"),
      ...counted(streams, "stream"),
      showMany(windows.length, "window"),
      ...counted(alerts, "alert"),
      ...counted(sinks, "sink"),
      ...counted(sources, "source"),
    ];
    const mark = output.paint.green("✓");
    output.line(`${mark} ${output.paint.bold(name)} is right: ${parts.join(", ")}`);
    output.line(output.paint.dim(`  ${path}`));
  },
});

function names(list: readonly { readonly name: string }[]): readonly string[] {
  return list.map(({ name }) => name);
}

function counted(list: readonly unknown[], one: string): readonly string[] {
  return list.length === 0 ? [] : [showMany(list.length, one)];
}
