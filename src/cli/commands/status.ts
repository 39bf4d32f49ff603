/** `kurobe status`: what the engine holds and does. */
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import {
  showBytes,
  showAge,
  showCount,
  showElapsed,
  showMany,
  showSecond,
  showTime,
} from "../figures.ts";
import { type Output } from "../output.ts";
import { type ReplayState } from "../ingest/replay-files.ts";
import { type Backfill, showBackfills } from "../show-backfills.ts";
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
  readonly diskFull: boolean;
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
  /** Those that are not over. */
  readonly backfills: readonly Backfill[];
  readonly alerts: readonly AlertSummary[];
  readonly replays: readonly ReplayState[];
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
  readonly lateRows: number;
  readonly watermark: string | null;
  readonly watermarkAgeMs: number | null;
  readonly producers: readonly {
    readonly name: string;
    readonly newest: string;
    readonly lastReceived: string;
    readonly isIdle: boolean;
  }[];
}

interface WindowStatus {
  readonly name: string;
  readonly from: string;
  readonly published: number;
  readonly corrected: number;
  readonly open: number;
  readonly closedUntil: string | null;
}

interface AlertSummary {
  readonly name: string;
  readonly on: string;
  readonly pending: number;
  readonly firing: number;
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
    "Datasets with their rows, late rows, dead letters and watermark, and how far that is behind the clock; windows, " +
      "replays and backfills that are not over, alerts, sinks and sources; the log, the last checkpoint, and whether " +
      "the disk is full.",
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
    showReplays(answer.replays, output);
    showBackfills(answer.backfills, output);
    showAlerts(answer.alerts, output);
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
  if (answer.diskFull) {
    output.line(
      `${red("✗")} ${bold("the disk is full")}: what is accepted waits in the log for room`,
    );
  }
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
      { name: "on disk", align: "right" },
      { name: "late", align: "right" },
      { name: "dead", align: "right" },
      { name: "watermark, UTC", isWhole: true },
      { name: "behind", align: "right", isWhole: true },
    ],
    datasets.map((each) => [
      each.name,
      showCount(each.storedRows),
      showBytes(each.chunkBytes),
      showCount(each.lateRows),
      showCount(each.deadLetters),
      each.watermark === null ? "–" : showSecond(each.watermark),
      each.watermarkAgeMs === null ? "–" : showAge(each.watermarkAgeMs),
    ]),
  );
  for (const each of datasets) showProducers(each, output);
}

/** Only where several are told apart: the watermark is that of the slowest. */
function showProducers({ name, producers }: DatasetStatus, output: Output): void {
  if (producers.length < 2) return;
  const idle = producers.filter(({ isIdle }) => isIdle).length;
  const slowest = producers.find(({ isIdle }) => !isIdle);
  const parts = [
    showMany(producers.length, "producer"),
    ...(idle === 0 ? [] : [`${showCount(idle)} idle`]),
    ...(slowest === undefined
      ? []
      : [`the slowest ${slowest.name || "without a name"} at ${showSecond(slowest.newest)}`]),
  ];
  output.line(output.paint.dim(`  ${name}: ${parts.join(", ")}`));
}

/** Those that go on. */
function showReplays(replays: readonly ReplayState[], output: Output): void {
  const running = replays.filter(({ state }) => state !== "done");
  if (running.length > 0) output.line();
  for (const { name, dataset, state, rows, watermark } of running) {
    const where = watermark === null ? "waits for its producers" : `at ${showSecond(watermark)}`;
    const about = `${state}, ${where}, ${showMany(rows, "row")}`;
    output.line(`  replay ${name} into ${dataset}: ${about}`);
  }
}

function showAlerts(alerts: readonly AlertSummary[], output: Output): void {
  if (alerts.length === 0) return;
  const { red, yellow, dim } = output.paint;
  output.line();
  for (const { name, on, pending, firing } of alerts) {
    if (firing + pending === 0) continue;
    const parts = [
      ...(firing === 0 ? [] : [red(`${showCount(firing)} firing`)]),
      ...(pending === 0 ? [] : [yellow(`${showCount(pending)} pending`)]),
    ];
    output.line(`${red("!")} alert ${name} ${dim(`on ${on}`)}: ${parts.join(", ")}`);
  }
  const quiet = alerts.filter(({ pending, firing }) => pending + firing === 0).length;
  if (quiet > 0) output.line(dim(`  ${showMany(quiet, "alert is", "alerts are")} quiet`));
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
      { name: "open", align: "right" },
      { name: "closed until, UTC", isWhole: true },
    ],
    windows.map((each) => [
      each.name,
      each.from,
      showCount(each.published),
      showCount(each.corrected),
      showCount(each.open),
      each.closedUntil === null ? "–" : showSecond(each.closedUntil),
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
