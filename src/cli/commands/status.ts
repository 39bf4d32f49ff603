/** `kurobe status`: what the engine holds and does. */
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showBytes, showCount, showElapsed, showTime } from "../figures.ts";
import { type Output } from "../output.ts";
import { showSinks, type SinkState } from "../show-sinks.ts";

/** The part of `GET /v1/status` that is shown. */
interface Status {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly uptimeMs: number;
  readonly queuedEntries: number;
  readonly memoryRows: number;
  readonly memoryBytes: number;
  readonly checkpointRunning: boolean;
  readonly recovered: {
    readonly entries: number;
    readonly rows: number;
    readonly elapsedMs: number;
  };
  readonly lastCheckpoint: {
    readonly number: number;
    readonly createdAt: string;
    readonly elapsedMs: number;
  } | null;
  readonly log: {
    readonly segments: number;
    readonly bytes: number;
    readonly nextPosition: number;
  };
  readonly datasets: readonly DatasetStatus[];
  readonly windows: readonly WindowStatus[];
  readonly sinks: readonly SinkState[];
  readonly sources: readonly SourceStatus[];
  readonly process: { readonly pid: number; readonly rssBytes: number };
}

interface DatasetStatus {
  readonly name: string;
  readonly storedRows: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly late: number;
  readonly deadLetters: number;
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly watermark: string | null;
}

interface WindowStatus {
  readonly name: string;
  readonly from: string;
  readonly published: number;
  readonly corrected: number;
  readonly closedUntil: string | null;
}

interface SourceStatus {
  readonly name: string;
  readonly into: string;
  readonly state: string;
  readonly filesWaiting: number;
  readonly waitingBytes: number;
  readonly filesDone: number;
  readonly filesRejected: number;
  readonly rows: number;
  readonly lastProblem: { readonly path: string | null; readonly reason: string } | null;
}

export const status = defineCommand({
  name: "status",
  summary: "Show what the engine holds and does",
  description: [
    "Datasets with rows and watermark, windows, sources, the log, the last checkpoint.",
  ],
  options: { ...CLIENT_OPTIONS },
  examples: [
    { prose: "Now", line: "kurobe status" },
    { prose: "Every two seconds", line: "watch -n 2 kurobe status" },
    { prose: "One figure for a script", line: "kurobe status --json | jq .memoryBytes" },
  ],
  run: async ({ options, output, terminal }) => {
    const client = await clientFor(options, terminal);
    const answer = await client.json<Status>("GET", "/v1/status");
    output.json(answer);
    showEngine(answer, client.url, output);
    showDatasets(answer.datasets, output);
    showWindows(answer.windows, output);
    if (answer.sinks.length > 0) {
      output.line();
      showSinks(answer.sinks, output);
    }
    showSources(answer.sources, output);
  },
});

function showEngine(answer: Status, url: string, output: Output): void {
  const { bold, dim, green, red } = output.paint;
  const mark = answer.state === "running" ? green("●") : red("●");
  const { pid, rssBytes } = answer.process;
  const about = `kurobe ${answer.version} at ${url}, pid ${pid}, up ${showElapsed(answer.uptimeMs)}`;
  output.line(`${mark} ${bold(answer.name)} is ${answer.state}  ${dim(about)}`);
  const { log, lastCheckpoint, recovered } = answer;
  const last = lastCheckpoint === null ? "none yet" : describeCheckpoint(lastCheckpoint);
  const rows = [
    ["in memory", `${showCount(answer.memoryRows)} rows, ${showBytes(answer.memoryBytes)}`],
    ["process", `${showBytes(rssBytes)} resident`],
    ["log", `next position ${showCount(log.nextPosition)}, ${segmentsText(log)}`],
    ["waiting", `${showCount(answer.queuedEntries)} entries`],
    ["checkpoint", last + (answer.checkpointRunning ? "; one is running" : "")],
    ["recovered", recoveredText(recovered)],
  ] as const;
  for (const [label, text] of rows) output.line(`  ${dim(label.padEnd(11))} ${text}`);
}

function recoveredText({ rows, entries, elapsedMs }: Status["recovered"]): string {
  return `${showCount(rows)} rows of ${showCount(entries)} entries in ${showElapsed(elapsedMs)}`;
}

function segmentsText({ segments, bytes }: Status["log"]): string {
  return `${showBytes(bytes)} in ${segments} ${segments === 1 ? "segment" : "segments"}`;
}

function showDatasets(datasets: readonly DatasetStatus[], output: Output): void {
  if (datasets.length === 0) return;
  output.line();
  output.table(
    [
      { name: "dataset" },
      { name: "rows", align: "right" },
      { name: "accepted", align: "right" },
      { name: "duplicates", align: "right" },
      { name: "late", align: "right" },
      { name: "dead", align: "right" },
      { name: "chunks", align: "right" },
      { name: "on disk", align: "right" },
      { name: "watermark" },
    ],
    datasets.map((each) => [
      each.name,
      showCount(each.storedRows),
      showCount(each.accepted),
      showCount(each.duplicates),
      showCount(each.late),
      showCount(each.deadLetters),
      showCount(each.chunks),
      showBytes(each.chunkBytes),
      each.watermark === null ? "–" : showTime(each.watermark),
    ]),
  );
}

function showWindows(windows: readonly WindowStatus[], output: Output): void {
  if (windows.length === 0) return;
  output.line();
  output.table(
    [
      { name: "window" },
      { name: "from" },
      { name: "published", align: "right" },
      { name: "corrected", align: "right" },
      { name: "closed until" },
    ],
    windows.map((each) => [
      each.name,
      each.from,
      showCount(each.published),
      showCount(each.corrected),
      each.closedUntil === null ? "–" : showTime(each.closedUntil),
    ]),
  );
}

/** How long one of an earlier run took is not known any more. */
function describeCheckpoint({
  number,
  createdAt,
  elapsedMs,
}: NonNullable<Status["lastCheckpoint"]>): string {
  const took = elapsedMs === 0 ? "" : `, took ${showElapsed(elapsedMs)}`;
  return `number ${number} at ${showTime(createdAt)}${took}`;
}

function showSources(sources: readonly SourceStatus[], output: Output): void {
  if (sources.length === 0) return;
  output.line();
  output.table(
    [
      { name: "source" },
      { name: "into" },
      { name: "state" },
      { name: "rows", align: "right" },
      { name: "done", align: "right" },
      { name: "waiting", align: "right" },
      { name: "lag", align: "right" },
      { name: "rejected", align: "right" },
    ],
    sources.map((each) => [
      each.name,
      each.into,
      each.state,
      showCount(each.rows),
      showCount(each.filesDone),
      showCount(each.filesWaiting),
      showBytes(each.waitingBytes),
      showCount(each.filesRejected),
    ]),
  );
  for (const { name, lastProblem } of sources) {
    if (lastProblem === null) continue;
    const where = lastProblem.path === null ? name : `${name}, ${lastProblem.path}`;
    output.line(`  ${output.paint.red("!")} ${where}: ${lastProblem.reason}`);
  }
}
