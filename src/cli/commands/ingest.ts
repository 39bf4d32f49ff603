/** `kurobe ingest`: files and pipes into a dataset. */
import { parseDuration } from "../../core/duration.ts";
import { isKurobeError, KurobeError } from "../../core/errors.ts";
import { parseSize } from "../../core/size.ts";
import { type Client } from "../client.ts";
import { CLIENT_OPTIONS, clientFor } from "../client-options.ts";
import { defineCommand } from "../command.ts";
import { showBytes, showCount, showElapsed, showMany } from "../figures.ts";
import { ingestFiles, type IngestTotals } from "../ingest/ingest-files.ts";
import { describeInput, INPUT_FORMATS, type InputFormat } from "../ingest/input-file.ts";
import { type Output } from "../output.ts";
import {
  beginReplay,
  changesText,
  endReplay,
  finishProducer,
  type ReplayState,
} from "../ingest/replay-files.ts";

const MAX_BODY_BYTES = 256 * 1024 * 1024;
const PARALLEL = 4;

export const ingest = defineCommand({
  name: "ingest",
  summary: "Send files or standard input to a dataset",
  description: [
    "The format follows from the name: .ndjson, .jsonl, .json, .csv or .parquet, and .gz, .br or .zst behind it. " +
      "NDJSON and CSV of any size are cut into bodies at row borders; JSON and Parquet files are sent whole.",
    "A body is acknowledged when its rows are durable and can be queried. What the server cannot take at once is " +
      "sent again, and a run that broke off can be repeated: bodies that were stored are recognised by their " +
      "bytes, their place, and the name of their file.",
    "Rows that do not fit the dataset become dead letters; kurobe dlq lists them.",
    "With --replay the rows are history that comes beside live ones. They have a watermark of their own, that of " +
      "the slowest of the files: windows of the past are published when it has passed them, rows are late only " +
      "where it has, and live windows go on as if nothing had come.",
  ],
  positionals: [
    { name: "dataset", prose: "A dataset of the project." },
    { name: "file", prose: "Files, or - for standard input.", isMany: true },
  ],
  options: {
    format: {
      kind: "text",
      value: "word",
      short: "f",
      choices: INPUT_FORMATS,
      prose: "What the input is.",
      defaultProse: "from the name; ndjson for standard input",
    },
    "on-invalid": {
      kind: "text",
      value: "word",
      choices: ["dead_letter", "reject"],
      prose: "Rows that do not fit go to the dead letters, or their whole body is refused.",
      defaultProse: "dead_letter",
    },
    producer: {
      kind: "text",
      value: "name",
      prose: "Source of the rows: the watermark follows each producer on its own.",
    },
    replay: {
      kind: "switch",
      prose: "The rows are history: each file is a producer of one replay, which ends with them.",
    },
    parallel: {
      kind: "text",
      value: "n",
      prose: "Requests in flight.",
      defaultProse: `1 where the order of rows matters (windows, keys), else ${PARALLEL}`,
    },
    "body-size": { kind: "text", value: "size", prose: "Size of one body.", defaultProse: "4MiB" },
    key: {
      kind: "text",
      value: "text",
      prose:
        "Recognises a repeated run in place of the file's name; makes one of standard input safe.",
    },
    "retry-for": {
      kind: "text",
      value: "time",
      prose: "How long one body may wait for a server that is busy or away.",
      defaultProse: "5m",
    },
    ...CLIENT_OPTIONS,
  },
  examples: [
    { prose: "A file", line: "kurobe ingest ticks ticks.ndjson" },
    { prose: "Many compressed ones", line: "kurobe ingest ticks archive/2026-*.csv.gz" },
    { prose: "From another program", line: "mosquitto_sub -t ticks | kurobe ingest ticks -" },
    {
      prose: "Last year's rows, while this year's come in",
      line: "kurobe ingest ticks 2025-*.csv.gz --replay",
    },
    {
      prose: "All rows of a body or none",
      line: "kurobe ingest ticks day.csv --on-invalid reject",
    },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const [dataset = "", ...paths] = positionals;
    const format = options.format as InputFormat | undefined;
    const targetBytes = readSize(options["body-size"] ?? "4MiB");
    const retryForMs = readDuration(options["retry-for"] ?? "5m");
    const parallel = options.parallel === undefined ? undefined : readParallel(options.parallel);
    const files = await Promise.all(paths.map((path) => describeInput(path, format, terminal)));
    const client = await clientFor(options, terminal);
    const sizes = files.map(({ sizeBytes }) => sizeBytes);
    const total = sizes.includes(null)
      ? undefined
      : sizes.reduce<number>((sum, n) => sum + (n ?? 0), 0);
    const totals = noTotals();
    const startedMs = terminal.clock.monotonicMs();
    const replay = options.replay ? await beginReplay(client, dataset, files, options) : null;
    try {
      using progress = output.progress(`Sending to ${dataset}`);
      const show = (): void => {
        const elapsedMs = terminal.clock.monotonicMs() - startedMs;
        progress.update({ done: totals.readBytes, total, text: rateText(totals, elapsedMs) });
      };
      const job = {
        targetBytes,
        maxBytes: MAX_BODY_BYTES,
        parallel: parallel ?? ((await isOrderFree(client, dataset)) ? PARALLEL : 1),
        key: options.key,
        namedProducer: options.producer ?? "",
        terminal,
        onProgress: show,
      };
      const send = {
        client,
        dataset,
        onInvalid: options["on-invalid"] === "reject" ? "reject" : "dead_letter",
        producer: options.producer ?? "",
        replay: replay?.name ?? null,
        retryForMs,
        onRetry: (reason: KurobeError, waitMs: number): void => {
          progress[Symbol.dispose]();
          const why = `${reason.message}; trying again in ${showElapsed(waitMs)}`;
          output.note(output.notePaint.yellow(why));
        },
      } as const;
      if (replay === null) await ingestFiles({ ...job, files, send }, totals);
      for (const [index, producer] of (replay?.producers ?? []).entries()) {
        const one = files.slice(index, index + 1);
        await ingestFiles({ ...job, files: one, send: { ...send, producer } }, totals);
        if (replay !== null) await finishProducer(client, replay, producer);
      }
    } catch (error) {
      throw explained(error, totals);
    }
    const sentMs = terminal.clock.monotonicMs() - startedMs;
    const replayed = replay === null ? null : await endReplay(client, replay, output);
    report(dataset, files.length, totals, sentMs, replayed, output);
  },
});

function noTotals(): IngestTotals {
  return {
    readBytes: 0,
    sentBytes: 0,
    bodies: 0,
    replayedBodies: 0,
    received: 0,
    accepted: 0,
    rejected: 0,
    duplicates: 0,
    late: 0,
    problems: [],
  };
}

/** Windows close by the order of rows, and the last row of a key wins: bodies must not overtake. */
async function isOrderFree(client: Client, dataset: string): Promise<boolean> {
  try {
    const [{ key }, { windows }] = await Promise.all([
      client.json<{ readonly key?: readonly string[] }>(
        "GET",
        `/v1/datasets/${encodeURIComponent(dataset)}`,
      ),
      client.json<{ readonly windows?: readonly { readonly from: string }[] }>("GET", "/v1/status"),
    ]);
    return key?.length === 0 && windows?.every(({ from }) => from !== dataset) === true;
  } catch {
    // What is wrong will be said when the first body is sent.
    return false;
  }
}

function readSize(text: string): number {
  const sizeBytes = parseSize(text);
  if (sizeBytes !== undefined && sizeBytes >= 1024 && sizeBytes <= MAX_BODY_BYTES) return sizeBytes;
  throw new KurobeError("KRB_CLI_USAGE", `--body-size ${text} is no size from 1KiB to 256MiB`);
}

function readDuration(text: string): number {
  const us = parseDuration(text);
  if (us !== undefined) return us / 1000;
  throw new KurobeError("KRB_CLI_USAGE", `--retry-for ${text} is no length of time`, {
    hint: "Write it like 30s or 5m.",
  });
}

function readParallel(text: string): number {
  const parallel = Number(text);
  if (Number.isInteger(parallel) && parallel >= 1 && parallel <= 64) return parallel;
  throw new KurobeError("KRB_CLI_USAGE", `--parallel ${text} is no number from 1 to 64`);
}

function rateText(totals: IngestTotals, elapsedMs: number): string {
  const perSecond = Math.round((totals.received / Math.max(1, elapsedMs)) * 1000);
  return `${showCount(totals.received)} rows, ${showCount(perSecond)} rows/s`;
}

/** What was stored before the failure stays stored: whoever reads the error must know. */
function explained(error: unknown, totals: IngestTotals): unknown {
  if (!isKurobeError(error) || totals.bodies === 0) return error;
  const stored = `${showMany(totals.accepted, "row")} of ${showMany(totals.bodies, "body", "bodies")}`;
  return new KurobeError(error.code, `${error.message} (before it, ${stored} were stored)`, {
    hint: `${error.hint} Then run the command again: what was stored is not stored twice.`,
    details: { ...error.details, totals },
    cause: error,
  });
}

function report(
  dataset: string,
  files: number,
  totals: IngestTotals,
  elapsedMs: number,
  replay: ReplayState | null,
  output: Output,
): void {
  const { readBytes, problems, ...counts } = totals;
  output.json({
    dataset,
    files,
    ...counts,
    readBytes,
    elapsedMs: Math.round(elapsedMs),
    errors: problems,
    ...(replay === null ? {} : { replay }),
  });
  const { bold, dim, green, yellow } = output.paint;
  const seconds = Math.max(1, elapsedMs) / 1000;
  const rowsPerSecond = showCount(Math.round(totals.received / seconds));
  const speed = dim(`(${rowsPerSecond} rows/s, ${showBytes(totals.sentBytes / seconds)}/s)`);
  const what = `${bold(showMany(totals.received, "row"))} of ${showMany(files, "file")}`;
  output.line(`${green("✓")} ${what} in ${showElapsed(elapsedMs)} ${speed}`);
  output.line(
    `  accepted ${showCount(totals.accepted)}, rejected ${showCount(totals.rejected)}, ` +
      `duplicates ${showCount(totals.duplicates)}, late ${showCount(totals.late)}`,
  );
  if (totals.replayedBodies > 0) {
    const bodies = showMany(totals.replayedBodies, "body was", "bodies were");
    output.line(yellow(`  ${bodies} stored by an earlier run, and not stored again`));
  }
  if (replay !== null) output.line(`  ${changesText(replay)}`);
  if (problems.length === 0) return;
  output.line(`  the first rows that did not fit (kurobe dlq ls ${dataset}):`);
  for (const { file, line, column, reason } of problems) {
    const place = column === null ? `${file}:${line}` : `${file}:${line}, ${column}`;
    output.line(`    ${place}: ${reason}`);
  }
}
