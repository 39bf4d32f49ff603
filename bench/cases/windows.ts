/**
 * Estimate. Closing is one aggregation over the stored rows of the range. DuckDB does 20 to 27 M
 * rows/s of OHLC on two cores, so windows should cost 0.04 to 0.1 core-seconds a million rows
 * beside the 0.8 to 1.5 that reading and checking them costs: some 5 to 10 %, plus writing out the
 * results (120,000 an hour of event time for 10,000 symbols). A late row makes its group be
 * aggregated again: with 10 % of the rows late almost every open group is, once a body.
 */
import { type BenchCase, type Context, type Figure } from "../case.ts";
import { figure, interleave, ratioGoal, round, series } from "../figure.ts";
import { KurobeServer, type BenchProject, type ServerStatus } from "../kurobe-server.ts";
import { rowsPerSecond, sendBodies } from "../load/load.ts";
import { cpuSeconds } from "../processes.ts";
import { tickBodies, TICKS, type Bodies } from "../ticks.ts";

const SYMBOLS = 10_000;

export const windows: BenchCase = {
  name: "windows",
  title: "Closing 5-minute windows over 10,000 keys at full ingest",
  estimate:
    "OHLC over stored rows runs at 20–27 M rows/s on two cores: 5 to 10 % of what reading the rows costs, " +
    "plus the results. Late rows make groups be computed again, and should cost in proportion.",
  method:
    "1,000,000 rows of 10,000 symbols in one hour of event time (12 windows, 120,000 results), bodies of " +
    "50,000. Processor time of the server's processes with the window and without, same bodies, same " +
    "round; late rows are half an hour older than their neighbours and correct results of closed windows. " +
    "100,000 keys: 4,000,000 rows in a quarter of an hour of event time. " +
    "Sliding: 100 symbols, a minute's windows every 5 s and every minute; the processor time of a project " +
    "without windows is taken off both.",
  run: runWindows,
};

interface Measured {
  readonly perSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly published: number;
  readonly corrected: number;
}

async function runWindows(context: Context): Promise<readonly Figure[]> {
  const { settings, workspace } = context;
  const size = { symbols: SYMBOLS, bodies: settings.isQuick ? 4 : 20 };
  const onTime = await tickBodies(workspace.bodies, "ndjson", size);
  const late1 = await tickBodies(workspace.bodies, "ndjson", { ...size, lateShare: 0.01 });
  const late10 = await tickBodies(workspace.bodies, "ndjson", { ...size, lateShare: 0.1 });
  const results = await interleave<Measured>(
    [
      { name: "without", run: () => ingestOnce(context, "ticks-plain", onTime) },
      { name: "with", run: () => ingestOnce(context, "ticks", onTime) },
      { name: "1 %", run: () => ingestOnce(context, "ticks", late1) },
      { name: "10 %", run: () => ingestOnce(context, "ticks", late10) },
    ],
    settings.rounds,
    context.progress,
  );
  const of = (name: string): readonly Measured[] => results.get(name) ?? [];
  const rates = (name: string): readonly number[] => of(name).map(({ perSecond }) => perSecond);
  const without = of("without");
  const shares = of("with").map(
    ({ cpuSecondsPerMillion }, round) =>
      100 * (1 - (without[round]?.cpuSecondsPerMillion ?? Number.NaN) / cpuSecondsPerMillion),
  );
  const counted = (name: string): string => {
    const { published = 0, corrected = 0 } = of(name)[0] ?? {};
    return `${published} results, ${corrected} corrections`;
  };
  const noWindow = series("no window", rates("without"));
  const noLate = series("no late rows", rates("with"));
  return [
    figure("share of processor time", "%", series("windows", shares), { note: counted("with") }),
    figure("ingest with the window on", "rows/s", series("Kurobe", rates("with")), {
      beside: [noWindow],
    }),
    figure("1 % late rows", "rows/s", series("Kurobe", rates("1 %")), {
      beside: [noLate],
      note: counted("1 %"),
    }),
    figure("10 % late rows", "rows/s", series("Kurobe", rates("10 %")), {
      beside: [noLate],
      note: counted("10 %"),
    }),
    ...(await runManyKeys(context)),
    ...(await runSliding(context)),
  ];
}

const MANY_KEYS = 100_000;
const MIN_RATE_SHARE = 0.7;
/** Three windows, so that a result stands for a dozen rows. */
const MANY_KEYS_SPAN_US = 15 * 60 * 1_000_000;

/** Windows over as many keys as a large fleet of devices has, beside the same rows without. */
async function runManyKeys(context: Context): Promise<readonly Figure[]> {
  const { settings, workspace } = context;
  const bodies = settings.isQuick ? 8 : 80;
  const everyUs = Math.floor(MANY_KEYS_SPAN_US / (bodies * TICKS.bodyRows));
  const size = { symbols: MANY_KEYS, bodies, everyUs };
  const rows = await tickBodies(workspace.bodies, "ndjson", size);
  const results = await interleave<Measured>(
    [
      { name: "without", run: () => ingestOnce(context, "ticks-plain", rows) },
      { name: "with", run: () => ingestOnce(context, "ticks", rows) },
    ],
    settings.rounds,
    context.progress,
  );
  const rates = (name: string): readonly number[] =>
    (results.get(name) ?? []).map(({ perSecond }) => perSecond);
  const without = series("no window", rates("without"));
  const measured = series("Kurobe", rates("with"));
  return [
    figure("ingest of 100,000 keys with the window on", "rows/s", measured, {
      beside: [without],
      goals: [ratioGoal(measured, without, { atLeast: MIN_RATE_SHARE })],
      note: `${results.get("with")?.[0]?.published ?? 0} results of ${rows.rows} rows`,
    }),
  ];
}

/** Few symbols, so that the rows weigh more than the twelvefold results. */
const SLIDING_SYMBOLS = 100;
const MAX_SLIDING_COST = 3;

/** What one-minute windows cost that slide every five seconds, beside those side by side. */
async function runSliding(context: Context): Promise<readonly Figure[]> {
  const { settings, workspace } = context;
  const size = { symbols: SLIDING_SYMBOLS, bodies: settings.isQuick ? 4 : 20 };
  const bodies = await tickBodies(workspace.bodies, "ndjson", size);
  const results = await interleave<Measured>(
    [
      { name: "none", run: () => ingestOnce(context, "ticks-plain", bodies) },
      { name: "tumbling", run: () => ingestOnce(context, "ticks-minute", bodies) },
      { name: "sliding", run: () => ingestOnce(context, "ticks-sliding", bodies) },
    ],
    settings.rounds,
    context.progress,
  );
  const costs = (name: string): readonly number[] =>
    (results.get(name) ?? []).map(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion);
  const beyondRows = (name: string): readonly number[] =>
    costs(name).map((cost, at) => cost - (costs("none")[at] ?? Number.NaN));
  const sliding = series("60 s, every 5 s", beyondRows("sliding"));
  const tumbling = series("60 s", beyondRows("tumbling"));
  const ratio = round(sliding.median / tumbling.median);
  const text = `at most ${MAX_SLIDING_COST} × tumbling: ${ratio} ×`;
  const counted = (name: string): string => `${results.get(name)?.[0]?.published ?? 0} ${name}`;
  return [
    figure("sliding windows, without reading the rows", "CPU s / M rows", sliding, {
      beside: [tumbling],
      goals: [{ text, isMet: ratio <= MAX_SLIDING_COST }],
      note: `results: ${counted("sliding")}, ${counted("tumbling")}`,
    }),
  ];
}

async function ingestOnce(
  context: Context,
  project: BenchProject,
  bodies: Bodies,
): Promise<Measured> {
  const data = context.workspace.directory("windows");
  await using server = await KurobeServer.start({ project, data });
  const before = cpuSeconds(server.pid);
  const sent = await sendBodies(server, bodies);
  const spent = cpuSeconds(server.pid) - before;
  const status: ServerStatus = await server.status();
  return {
    perSecond: rowsPerSecond(bodies.rows, sent.elapsedMs),
    cpuSecondsPerMillion: (spent * 1_000_000) / bodies.rows,
    published: status.windows[0]?.published ?? 0,
    corrected: status.windows[0]?.corrected ?? 0,
  };
}
