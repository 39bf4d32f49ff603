/** `kurobe start`: the engine and its doors, supervised. */
import { defineCommand } from "../command.ts";
import { SETTING_OPTIONS, settingsFrom } from "../setting-options.ts";

export const start = defineCommand({
  name: "start",
  summary: "Run the project: take rows in, keep windows, answer SQL",
  description: [
    "Finds kurobe.config.ts from the working directory upwards, recovers what the data directory holds, and " +
      "listens. The engine runs as a child process: when it dies it is started again, and nothing that was " +
      "acknowledged is lost.",
    "Where the project has changed so that data would be lost, it refuses to start without --yes. Look at the " +
      "change with kurobe plan first.",
  ],
  options: {
    ...SETTING_OPTIONS,
    yes: { kind: "switch", prose: "Carry out changes of the project that lose data." },
  },
  examples: [
    { prose: "Run the project of this directory", line: "kurobe start" },
    { prose: "Elsewhere, with more memory", line: "kurobe start --data /srv/kurobe --memory 8GiB" },
    { prose: "On a free port, for scripts", line: "kurobe start --port 0 --json" },
  ],
  run: async ({ options, output, terminal }) => {
    const { runEngine } = await import("../run-engine.ts");
    const { describeReady } = await import("../describe-ready.ts");
    const settings = settingsFrom(options, terminal.environment);
    await runEngine({
      order: {
        kind: "open",
        settings,
        projectDirectory: terminal.workingDirectory,
        acceptDestructive: options["yes"],
      },
      output,
      signal: terminal.signal,
      onReady: (report) => describeReady(output, report),
    });
  },
});
