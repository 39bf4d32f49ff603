/**
 * Estimate. A checkpoint sorts and compresses what is in memory (DuckDB writes about 4 M sorted
 * rows/s on both cores, 1 s for some million rows) while bodies go on being read on the same two
 * cores. If it never holds the writer, an acknowledgement meanwhile has half of the processor:
 * twice the median, and the worst one per cent waits for one fsync of a few megabytes as well. Four
 * times is the goal.
 */
import { type BenchCase, type Context, type Figure } from "../case.ts";
import { figure, quantile, ratioGoal, series } from "../figure.ts";
import { KurobeServer } from "../kurobe-server.ts";
import { sendBodies } from "../load/load.ts";
import { type SentRequest } from "../load/send-bodies.ts";
import { tickBodies } from "../ticks.ts";

const BODY_ROWS = 5_000;
const EVERY_MS = 25;

export const stall: BenchCase = {
  name: "stall",
  title: "Acknowledgements while a checkpoint runs",
  estimate:
    "A checkpoint shares two cores with ingest: an acknowledgement takes twice as long while it runs, and " +
    "longer for the few that meet an fsync. More than four times would mean that it holds the writer.",
  method:
    "Bodies of 5,000 rows at a fixed pace of 40 a second (200,000 rows/s, open loop: times count from when " +
    "a request was due). Every 5 s a checkpoint is asked for; requests that overlap one are compared with " +
    "all others. 5-minute OHLC window on, automatic checkpoints off.",
  run: runStall,
};

async function runStall(context: Context): Promise<readonly Figure[]> {
  const checkpoints = context.settings.isQuick ? 1 : Math.max(5, context.settings.rounds);
  const quiet: number[] = [];
  const during: number[] = [];
  const checkpointMs: number[] = [];
  const data = context.workspace.directory("stall");
  const settings = { KUROBE_CHECKPOINT_EVERY: "1h" };
  await using server = await KurobeServer.start({ project: "ticks", data, settings });
  // Each stretch has its own hours of event time, so that no row of a later one is late.
  await stretch(context, server, 0, 1);
  for (let index = 0; index < checkpoints; index++) {
    context.progress(`checkpoint ${index + 1}/${checkpoints}`);
    const { requests, from, to } = await stretch(context, server, index + 1, 5);
    checkpointMs.push(to - from);
    for (const { startMs, endMs } of requests) {
      (endMs > from && startMs < to ? during : quiet).push(endMs - startMs);
    }
  }
  const medianQuiet = series("median without", [quantile(quiet, 0.5)]);
  const p99During = series("Kurobe", [quantile(during, 0.99)]);
  return [
    figure("p99 while a checkpoint runs", "ms", p99During, {
      beside: [
        medianQuiet,
        series("p99 without", [quantile(quiet, 0.99)]),
        series("median while it runs", [quantile(during, 0.5)]),
        series("longest while it runs", [Math.max(...during)]),
      ],
      goals: [ratioGoal(p99During, medianQuiet, { atMost: 4 })],
      note: `${during.length} requests during ${checkpoints} checkpoints, ${quiet.length} between them`,
    }),
    figure("a checkpoint of about a million rows", "ms", series("Kurobe", checkpointMs)),
  ];
}

interface Stretch {
  readonly requests: readonly SentRequest[];
  readonly from: number;
  readonly to: number;
}

async function stretch(
  context: Context,
  server: KurobeServer,
  index: number,
  seconds: number,
): Promise<Stretch> {
  const bodies = await tickBodies(context.workspace.bodies, "ndjson", {
    bodies: (seconds * 1000) / EVERY_MS,
    bodyRows: BODY_ROWS,
    everyUs: Math.floor((3_600_000_000 * EVERY_MS) / (BODY_ROWS * seconds * 1000)),
  });
  const sending = sendBodies(server, bodies, { firstHour: index, everyMs: EVERY_MS, inFlight: 16 });
  sending.catch(() => undefined);
  // The sender needs a moment to read its bodies; the checkpoint comes in the later half.
  await new Promise((resolve) => setTimeout(resolve, seconds * 700));
  const from = now();
  await server.checkpoint();
  const to = now();
  return { requests: (await sending).requests, from, to };
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
