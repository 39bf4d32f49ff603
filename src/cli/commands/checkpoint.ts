/** `kurobe checkpoint`: what has been written down, and write it down now. */
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showBytes, showCount, showElapsed, showTime } from "../figures.ts";

interface Checkpoint {
  readonly number: number;
  readonly position: number;
  readonly createdAt: string;
  readonly reason: string;
  readonly rows: number;
  readonly chunks: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly pauseMs: number;
}

export const checkpointLs = defineCommand({
  name: "checkpoint ls",
  summary: "List the checkpoints that the data directory holds",
  description: [
    "Newest first. After a crash the engine reads the newest one back and replays the log from its position.",
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [
    { prose: "When was the last one, and how long did it take?", line: "kurobe checkpoint ls" },
  ],
  run: async ({ options, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const answer = await client.json<{ readonly checkpoints: readonly Checkpoint[] }>(
      "GET",
      "/v1/checkpoints",
    );
    output.json(answer);
    if (answer.checkpoints.length === 0) {
      output.line("There is none yet; `kurobe checkpoint now` takes one.");
      return;
    }
    output.table(
      [
        { name: "number", align: "right" },
        { name: "taken at" },
        { name: "reason" },
        { name: "position", align: "right" },
        { name: "rows", align: "right" },
        { name: "chunks", align: "right" },
        { name: "bytes", align: "right" },
        { name: "took", align: "right" },
        { name: "paused", align: "right" },
      ],
      answer.checkpoints.map((each) => [
        String(each.number),
        showTime(each.createdAt),
        each.reason,
        showCount(each.position),
        // How one of an earlier run went is not known any more.
        each.elapsedMs === 0 ? "–" : showCount(each.rows),
        showCount(each.chunks),
        showBytes(each.bytes),
        each.elapsedMs === 0 ? "–" : showElapsed(each.elapsedMs),
        each.elapsedMs === 0 ? "–" : showElapsed(each.pauseMs),
      ]),
    );
  },
});

export const checkpointNow = defineCommand({
  name: "checkpoint now",
  summary: "Write everything in memory down now",
  description: [
    "Returns when the checkpoint is durable. Rows keep coming in meanwhile. Acknowledged rows are safe without " +
      "it: a checkpoint only shortens the next start.",
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [{ prose: "Before a planned restart", line: "kurobe checkpoint now" }],
  run: async ({ options, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const taken = await client.json<Checkpoint>("POST", "/v1/checkpoints");
    output.json(taken);
    const { number, rows, chunks, bytes, elapsedMs, pauseMs } = taken;
    output.line(
      `${output.paint.green("✓")} checkpoint ${number}: ${showCount(rows)} rows in ${showCount(chunks)} chunks, ` +
        `${showBytes(bytes)}, in ${showElapsed(elapsedMs)} (the writer paused ${showElapsed(pauseMs)})`,
    );
  },
});
