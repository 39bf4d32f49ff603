/** `kurobe replay`: history that is being loaded beside live rows. */
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showCount, showTime } from "../figures.ts";
import { changesText, endReplay, type ReplayState } from "../ingest/replay-files.ts";

export const replayLs = defineCommand({
  name: "replay ls",
  summary: "List replays of history, and how far each is",
  description: [
    "A replay begins with its first row (kurobe ingest --replay) and goes on until it is ended. Its own watermark is " +
      "that of the slowest of its producers; windows up to there are computed and published.",
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [{ prose: "How far are they?", line: "kurobe replay ls" }],
  run: async ({ options, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const answer = await client.json<{ readonly replays: readonly ReplayState[] }>(
      "GET",
      "/v1/replays",
    );
    output.json(answer);
    if (answer.replays.length === 0) {
      output.line("There are no replays.");
      return;
    }
    const time = (text: string | null | undefined): string =>
      text === null || text === undefined ? "–" : showTime(text);
    output.table(
      [
        { name: "replay" },
        { name: "into" },
        { name: "state" },
        { name: "rows", align: "right" },
        { name: "watermark, UTC", isWhole: true },
        { name: "windows wait from", isWhole: true },
      ],
      answer.replays.map((one) => [
        one.name,
        one.dataset,
        one.state,
        showCount(one.rows),
        time(one.watermark),
        time(one.waiting?.from),
      ]),
    );
    for (const { name, problem } of answer.replays) {
      if (problem !== null) output.line(`  ${output.paint.red("!")} ${name}: ${problem}`);
    }
  },
});

export const replayEnd = defineCommand({
  name: "replay end",
  summary: "End a replay: no more rows of it come",
  description: [
    "Windows of the past that wait for more of its rows are computed as they are. kurobe ingest --replay does it by " +
      "itself; it is for one whose sender is gone for good.",
  ],
  positionals: [
    { name: "dataset", prose: "The dataset that its rows went to." },
    { name: "replay", prose: "Its name, as kurobe replay ls shows it." },
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [{ prose: "Its sender is gone", line: "kurobe replay end ticks 2025.csv" }],
  run: async ({ options, positionals, output, terminal }) => {
    const [dataset = "", name = ""] = positionals;
    const client = await clientFor(options, terminal);
    const ended = await endReplay(client, { dataset, name, producers: [] }, output);
    output.json(ended);
    output.line(`${output.paint.green("✓")} ${changesText(ended)}`);
  },
});
