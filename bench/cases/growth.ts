/**
 * Estimate. Ingest touches memory tables, the log and, at a checkpoint, new chunks: nothing that
 * grows with what is stored, so the last million rows should go in as fast as the first. Merging
 * chunks rewrites each row a few times (4 M rows/s: up to 0.5 core-seconds a million rows). Memory
 * is bounded by the limit of DuckDB plus bodies on their way. After a kill, what came since the
 * last checkpoint is applied again, at ingest speed and without HTTP: at most 30 s of rows, a few
 * seconds of work.
 */
import { type BenchCase, type Context, type Figure } from "../case.ts";
import { figure, round, series } from "../figure.ts";
import { KurobeServer } from "../kurobe-server.ts";
import { rowsPerSecond, sendBodies } from "../load/load.ts";
import { residentBytes } from "../processes.ts";
import { tickBodies } from "../ticks.ts";

const MEMORY_LIMIT = "2GiB";

export const growth: BenchCase = {
  name: "growth",
  title: "Growth",
  estimate:
    "Nothing on the way in depends on what is stored: the last million rows should go in as fast as the " +
    "first. Start after a kill: the rows since the last checkpoint at ingest speed, a few seconds.",
  method:
    `One server with a memory limit of ${MEMORY_LIMIT} and a checkpoint every 30 s takes 1, then 10 (with ` +
    "--huge 100) million rows, one million an hour of event time, 5-minute OHLC window on. Compared are " +
    "the last tenth and the first. Memory is the resident size of all its processes, sampled twice a " +
    "second. Then SIGKILL to all of them, and the time until a new one is ready.",
  run: runGrowth,
};

interface Grown {
  /** Of each tenth, or each million where that is more. */
  readonly perSecond: readonly number[];
  readonly peakBytes: number;
  readonly readyAfterMs: number;
  readonly replayedRows: number;
}

async function runGrowth(context: Context): Promise<readonly Figure[]> {
  const { isQuick, isHuge } = context.settings;
  const sizes = isQuick ? [1, 2] : isHuge ? [1, 10, 100] : [1, 10];
  const figures: Figure[] = [];
  for (const millions of sizes) {
    const grown = await grow(context, millions);
    const tenth = Math.max(1, Math.floor(millions / 10));
    const first = series(`the first ${tenth} M`, grown.perSecond.slice(0, 1));
    const last = series("Kurobe", grown.perSecond.slice(-1));
    const ratio = round(last.median / first.median);
    const flat = { text: `flat within 20 %: ${ratio} × ${first.name}`, isMet: ratio >= 0.8 };
    figures.push(
      figure(`${millions} M rows: the last tenth`, "rows/s", last, {
        beside: [first],
        goals: millions === 1 ? [] : [flat],
      }),
      figure(
        `${millions} M rows: peak memory`,
        "MiB",
        series("Kurobe", [grown.peakBytes / 2 ** 20]),
        {
          note: `memory limit ${MEMORY_LIMIT}; resident size of supervisor and engine together`,
        },
      ),
      figure(
        `${millions} M rows: start after SIGKILL`,
        "ms",
        series("Kurobe", [grown.readyAfterMs]),
        {
          note: `${grown.replayedRows} rows applied again from the log`,
        },
      ),
    );
  }
  return figures;
}

async function grow(context: Context, millions: number): Promise<Grown> {
  const data = context.workspace.directory("growth");
  const options = { project: "ticks", data, settings: { KUROBE_MEMORY: MEMORY_LIMIT } } as const;
  const bodies = await tickBodies(context.workspace.bodies, "ndjson");
  let peakBytes = 0;
  const perSecond: number[] = [];
  const first = await KurobeServer.start(options);
  const sampler = setInterval(
    () => (peakBytes = Math.max(peakBytes, residentBytes(first.pid))),
    500,
  );
  try {
    const pace = Math.max(1, Math.floor(millions / 10));
    for (let hour = 0; hour < millions; hour += pace) {
      context.progress(`${hour} of ${millions} M rows`);
      const sent = await sendBodies(first, bodies, { firstHour: hour, hours: pace });
      perSecond.push(rowsPerSecond(bodies.rows * pace, sent.elapsedMs));
    }
    await first.kill();
  } catch (error) {
    await first[Symbol.asyncDispose]();
    throw error;
  } finally {
    clearInterval(sampler);
  }
  context.progress("starting again after SIGKILL");
  await using second = await KurobeServer.start(options);
  const counted = await second.sql("SELECT count(*) FROM ticks WHERE symbol <> 'HELLO'");
  const n = Number(counted[0]?.[0]);
  if (n !== millions * bodies.rows)
    throw new Error(`${n} of ${millions * bodies.rows} rows came back`);
  const { recovered } = await second.status();
  return {
    perSecond,
    peakBytes,
    readyAfterMs: second.readyAfterMs,
    replayedRows: recovered.rows,
  };
}
