/** `kurobe sinks`: where rows are delivered to, and what can be done when a receiver fails. */
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { type Command, defineCommand, type PositionalSpec } from "../command.ts";
import { showSinks, type SinkState } from "../show-sinks.ts";

const SINK: PositionalSpec = { name: "sink", prose: "A sink of the project." };

export const sinksLs = defineCommand({
  name: "sinks ls",
  summary: "List sinks with what waits for them",
  description: [
    "A sink that retries or is blocked stops nothing else: its rows wait, and are delivered in order once the " +
      "receiver takes them.",
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [
    { prose: "All of them", line: "kurobe sinks ls" },
    {
      prose: "Those that do not deliver",
      line: "kurobe sinks ls --json | jq '.sinks[] | select(.lagRows > 0)'",
    },
  ],
  run: async ({ options, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const answer = await client.json<{ readonly sinks: readonly SinkState[] }>("GET", "/v1/sinks");
    output.json(answer);
    if (answer.sinks.length === 0) output.line("The project has no sinks.");
    else showSinks(answer.sinks, output);
  },
});

export const sinksPause = actionCommand("pause", "Stop delivering to a sink until it is resumed", [
  "Its rows wait, also across restarts.",
]);

export const sinksResume = actionCommand("resume", "Deliver to a sink again", [
  "Begins with the oldest row that waits.",
]);

export const sinksRetry = actionCommand("retry", "Try a sink that fails or is blocked again now", [
  "For when the receiver was repaired: otherwise it is tried after a pause that grows to five minutes.",
]);

function actionCommand(
  action: "pause" | "resume" | "retry",
  summary: string,
  description: readonly string[],
): Command {
  return defineCommand({
    name: `sinks ${action}`,
    summary,
    description,
    positionals: [SINK],
    options: { ...CLIENT_OPTIONS },
    examples: [{ prose: "By its name", line: `kurobe sinks ${action} orders` }],
    run: async ({ options, positionals, output, terminal }) => {
      const client = await clientFor(options, terminal);
      const name = encodeURIComponent(positionals[0] ?? "");
      const answer = await client.json<SinkState>("POST", `/v1/sinks/${name}/${action}`);
      output.json(answer);
      showSinks([answer], output);
    },
  });
}
