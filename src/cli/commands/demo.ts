/** `kurobe demo`: three million real rows, a crash, and the proof that nothing was lost. */
import { once } from "node:events";
import { relative } from "node:path";
import { KurobeError } from "../../core/errors.ts";
import { defineCommand } from "../command.ts";

const ALL_ROWS = 3_000_000;
const FEWEST_ROWS = 100_000;

export const demo = defineCommand({
  name: "demo",
  summary: "Show Kurobe at work on three million real flights",
  description: [
    "Starts an engine in a temporary directory, sends it three million US flights of 2001 over HTTP, kills the " +
      "engine's process half-way, and compares what is stored with the source. Then it stays up, so that you can " +
      "ask it questions of your own.",
    "Needs the npm package vega-datasets, which holds the flights and comes with the repository.",
  ],
  options: {
    exit: { kind: "switch", prose: "End when everything is shown, instead of staying up." },
    rows: {
      kind: "text",
      value: "n",
      prose: `Only so many flights, from ${FEWEST_ROWS}.`,
      defaultProse: String(ALL_ROWS),
    },
    port: {
      kind: "text",
      value: "n",
      prose: "Port of HTTP.",
      defaultProse: "4186, or a free one if that is taken",
    },
  },
  examples: [
    { prose: "See it and try things", line: "kurobe demo" },
    { prose: "See it, for a script", line: "kurobe demo --exit --json" },
  ],
  run: async ({ options, output, terminal }) => {
    const { runDemo } = await import("../demo/run-demo.ts");
    const { describeDemo, describeNext } = await import("../demo/describe-demo.ts");
    const { bold, dim } = output.paint;
    output.line(
      `${bold("Kurobe")}  ${dim("three million real flights, one process, this machine")}`,
    );
    output.line();
    const rows = rowsFrom(options.rows);
    await using demo = await runDemo({ rows, port: options.port, output, terminal });
    describeDemo(output, demo.report);
    output.json({ ...demo.report, url: demo.url });
    if (!demo.report.proof.isWhole) {
      throw new KurobeError("KRB_CORE_ASSERTION", "the store differs from the source", {
        details: { ...demo.report.proof },
      });
    }
    if (options.exit) return;
    const script = relative(terminal.workingDirectory, process.argv[1] ?? "kurobe");
    describeNext(output, { url: demo.url, token: demo.token, script });
    if (!terminal.signal.aborted) await once(terminal.signal, "abort");
  },
});

function rowsFrom(text: string | undefined): number {
  const rows = Number(text ?? ALL_ROWS);
  if (Number.isInteger(rows) && rows >= FEWEST_ROWS && rows <= ALL_ROWS) return rows;
  throw new KurobeError(
    "KRB_CLI_USAGE",
    `--rows ${text} is not from ${FEWEST_ROWS} to ${ALL_ROWS}`,
  );
}
