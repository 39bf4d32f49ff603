/** `kurobe dev`: like `start`, and starts again whenever the project file changes. */
import { defineCommand } from "../command.ts";
import { SETTING_OPTIONS, settingsFrom } from "../setting-options.ts";

export const dev = defineCommand({
  name: "dev",
  summary: "Run the project and reload it when its files change",
  description: [
    "Watches kurobe.config.ts and what it imports. An edit is checked first: with a mistake in it, the old " +
      "project goes on running and the mistakes are shown. A change that would lose data is only carried out " +
      "with --yes.",
  ],
  options: {
    ...SETTING_OPTIONS,
    yes: { kind: "switch", prose: "Carry out changes of the project that lose data." },
  },
  examples: [
    { prose: "Edit and see", line: "kurobe dev" },
    { prose: "With a data directory to throw away", line: "kurobe dev --data /tmp/try --yes" },
  ],
  run: async ({ options, output, terminal }) => {
    const { runDevelopment } = await import("../run-development.ts");
    await runDevelopment({
      settings: settingsFrom(options, terminal.environment),
      acceptDestructive: options["yes"],
      output,
      terminal,
    });
  },
});
