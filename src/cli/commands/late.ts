/** `kurobe late`: rows that came too late for their windows, and letting them count after all. */
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showCount, showElapsed, showMany, showTime } from "../figures.ts";
import { readSteps } from "../read-steps.ts";
import { timeOf } from "../time-option.ts";

interface LateSummary {
  readonly dataset: string;
  readonly window: string;
  readonly reason: string;
  readonly rows: number;
  readonly windows: number;
  readonly first: string;
  readonly last: string;
  readonly latestByMs: number;
}

interface ReplayStep {
  readonly added: number;
  readonly corrected: number;
  readonly takenBack: number;
  readonly replayed: number;
  readonly window: string;
  readonly done: number;
  readonly total: number;
}

export const lateLs = defineCommand({
  name: "late ls",
  summary: "Count the rows that came too late for their windows",
  description: [
    "Late rows are stored like all others, but do not count in windows that were over for good when they came. The " +
      "rows themselves are in <dataset>.late_rows, with the window, the watermark that they met, and whether they " +
      "were replayed.",
  ],
  positionals: [
    { name: "dataset", prose: "A dataset of the project. Missing: all.", isOptional: true },
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [
    { prose: "All datasets", line: "kurobe late ls" },
    {
      prose: "By hour",
      line:
        "kurobe sql \"SELECT date_trunc('hour', _window_start) AS hour, count(*) AS rows " +
        'FROM ticks.late_rows WHERE NOT _replayed GROUP BY ALL ORDER BY ALL"',
    },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const [dataset] = positionals;
    const answer = await client.json<{ readonly lateRows: readonly LateSummary[] }>(
      "GET",
      "/v1/late-rows",
      { query: { dataset } },
    );
    output.json(answer);
    if (answer.lateRows.length === 0) {
      output.line(`${dataset ?? "The project"} has no late rows.`);
      return;
    }
    for (const each of answer.lateRows) {
      output.line(
        `${output.paint.bold(each.window)} ${output.paint.dim(`over ${each.dataset}, ${each.reason}`)}`,
      );
      output.line(
        `  ${showMany(each.rows, "row")} for ${showMany(each.windows, "window")}, ` +
          `the latest by ${showElapsed(each.latestByMs)}`,
      );
      output.line(`  from ${showTime(each.first)} to ${showTime(each.last)}`);
    }
  },
});

export const lateReplay = defineCommand({
  name: "late replay",
  summary: "Let late rows count in the windows that they missed",
  description: [
    "The windows are computed again from all stored rows, a bounded number at a time while live rows go on. Results " +
      "that differ are published as a new revision and delivered by sinks; the rows are marked as replayed. A second " +
      "time it changes nothing. Rows of a session that is still open stay late until it is over.",
    "Ctrl-C stops after the windows that are being computed; the rest stays late.",
  ],
  positionals: [{ name: "dataset", prose: "A dataset of the project." }],
  options: {
    window: {
      kind: "text",
      value: "name",
      prose: "Only in this window.",
      defaultProse: "all windows over the dataset",
    },
    from: { kind: "text", value: "time", prose: "Only windows that start then or later." },
    to: { kind: "text", value: "time", prose: "Only windows that start before then." },
    ...CLIENT_OPTIONS,
  },
  examples: [
    { prose: "After a device was offline for a day", line: "kurobe late replay readings" },
    {
      prose: "One morning of one window",
      line: "kurobe late replay ticks --window bars --from 2026-01-05T06:00Z --to 2026-01-05T12:00Z",
    },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const { window } = options;
    const body = { window, from: timeOf("--from", options.from), to: timeOf("--to", options.to) };
    const client = await clientFor(options, terminal);
    const response = await client.send(
      "POST",
      `/v1/datasets/${encodeURIComponent(positionals[0] ?? "")}/late-rows/replay`,
      {
        headers: { accept: "application/x-ndjson", "content-type": "application/json" },
        body: JSON.stringify(body),
      },
    );
    let last: ReplayStep | undefined;
    {
      using progress = output.progress("Replaying");
      for await (const step of readSteps<ReplayStep>(response)) {
        last = step;
        const text = `${showCount(step.corrected)} results corrected, ${step.window}`;
        progress.update({ done: step.done, total: step.total, text });
      }
    }
    const { replayed = 0, added = 0, corrected = 0, takenBack = 0, total = 0 } = last ?? {};
    output.json({ replayed, added, corrected, takenBack });
    if (total === 0) output.line("No row of these windows is late.");
    else {
      output.line(
        `${output.paint.green("✓")} ${showMany(replayed, "late row")} counted: ` +
          `${showMany(corrected, "result")} corrected, ${showCount(added)} added, ` +
          `${showCount(takenBack)} taken back`,
      );
    }
  },
});
