/** `kurobe bench calibrate`: what the client can do. */
import { readCount, readLengthMs } from "../bench/read-options.ts";
import { defineCommand } from "../command.ts";
import { showCount } from "../figures.ts";

export const benchCalibrate = defineCommand({
  name: "bench calibrate",
  summary: "Find out how much load this machine can make",
  description: [
    "Runs against a server that only answers, in a process of its own. A measurement that comes near these figures " +
      "has measured the client, not the engine.",
  ],
  options: {
    connections: {
      kind: "text",
      short: "c",
      value: "n",
      prose: "Connections.",
      defaultProse: "50",
    },
    pipelines: {
      kind: "text",
      short: "P",
      value: "n,n",
      prose: "Operations in one write.",
      defaultProse: "1,16,100",
    },
    "value-size": { kind: "text", short: "s", value: "n", prose: "Bytes.", defaultProse: "64" },
    duration: { kind: "text", short: "d", value: "time", prose: "Of each.", defaultProse: "2s" },
  },
  examples: [{ prose: "Before the first measurement", line: "kurobe bench calibrate" }],
  run: async ({ options, terminal, output }) => {
    const { calibrate } = await import("../../bench/run/calibrate.ts");
    const pipelines = (options.pipelines ?? "1,16,100").split(",");
    using progress = output.progress("calibrating");
    const cells = await calibrate({
      connections: readCount("connections", options.connections ?? "50", 1, 10_000),
      depths: pipelines.map((text) => readCount("pipelines", text, 1, 10_000)),
      valueBytes: readCount("value-size", options["value-size"] ?? "64", 1, 1_000_000),
      durationMs: readLengthMs("duration", options.duration ?? "2s"),
      signal: terminal.signal,
      onCell: (done, total) => progress.update({ done, total, text: "against a null server" }),
    });
    progress[Symbol.dispose]();
    output.json({ cells });
    output.table(
      [
        { name: "command" },
        ...["pipeline", "ops/s", "p50 ms", "p99 ms", "CPU µs/op"].map(
          (name) => ({ name, align: "right" }) as const,
        ),
      ],
      cells.map((cell) => [
        cell.command,
        String(cell.depth),
        showCount(Math.round(cell.perSecond)),
        cell.p50Ms.toFixed(3),
        cell.p99Ms.toFixed(3),
        cell.cpuUsPerOperation.toFixed(2),
      ]),
    );
  },
});
