/**
 * Is the comparison honest on this machine? Compares equal Redis servers, and then one that has 5 %
 * more to do for each operation, again and again, and counts the verdicts.
 *
 * `npm run bench:honesty -- --equal 8 --slowed 10` takes ten minutes: each comparison has 400 pairs
 * of 25 ms in three lanes. `--minutes 5` begins no new one after that; a later call with the same
 * `--rows` goes on. The table at the end is what the docs show.
 *
 * Client and servers share one processor. Where the host gives time to others, two processors that
 * wait for each other are noisier than one that does all the work: intervals were two to three
 * times as wide, one run after the other.
 *
 * The slower server gets a second GET with some of its operations. How much one costs is measured
 * first, so that their share makes 5 %; what it really came to is the median over all runs.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { compareResults, type ComparisonRow } from "../src/bench/compare/comparison.ts";
import { type BenchResult } from "../src/bench/result/result.ts";
import { runPairs } from "../src/bench/run/run-pairs.ts";
import { type RunPlan } from "../src/bench/run/run-plan.ts";
import { median } from "../src/bench/statistics/order.ts";
import { type LocalServer, startLocalServer } from "../src/bench/target/local-server.ts";
import { kvWorkload } from "../src/bench/workload/kv.ts";
import { type Operation, type Workload } from "../src/bench/workload/workload.ts";

const { values } = parseArgs({
  options: {
    equal: { type: "string", default: "8" },
    slowed: { type: "string", default: "10" },
    pairs: { type: "string", default: "400" },
    pipeline: { type: "string", default: "16" },
    minutes: { type: "string", default: "60" },
    engine: { type: "string", default: "redis" },
    rows: { type: "string", default: "bench/.work/honesty.jsonl" },
  },
});
const INJECTED = 0.05;
/** The client's own: see above. */
const CORE = 1;
const SLICE_MS = 25;
const pairs = Number(values.pairs);
const depth = Number(values.pipeline);
const endMs = Date.now() + Number(values.minutes) * 60_000;

/** One comparison, as it lies in the file of rows: a line each. */
interface Row {
  readonly settings: string;
  readonly kind: "cost" | "equal" | "slowed";
  /** Share of operations with a second GET on the slower server. */
  readonly share: number;
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly floor: number;
  readonly verdict: ComparisonRow["verdict"];
  /** Any figure with a verdict, where no server was slowed. */
  readonly isAnyFalse: boolean;
}

/** Both lanes choose among two operations, so that the client does the same for each. */
function workloadFor(share: number, isSlow: boolean): Workload {
  const workload = kvWorkload({
    ...{ mix: { get: 1 }, keyCount: 20_000, distribution: { kind: "uniform" }, hitRatio: 1 },
    ...{ value: { kind: "fixed", bytes: 64 }, ttlSeconds: 0, batch: 1, prefix: "honesty:" },
  });
  const operations = workload.operations.flatMap((get): readonly Operation[] => [
    { ...get, weight: 1 - share },
    {
      ...get,
      name: "GET+",
      weight: share,
      steps: isSlow ? [...get.steps, ...get.steps] : get.steps,
    },
  ]);
  return { ...workload, operations };
}

function planFor(server: LocalServer, name: string, workload: Workload): RunPlan {
  return {
    ...{ target: { ...server.target, name }, workload, kind: "kv", labels: {} },
    ...{ connections: 50, depth, workers: 1, pace: { kind: "closed" }, seed: 1 },
    ...{ durationMs: Infinity, requests: Infinity, warmupMs: 500, timeoutMs: 5000 },
    ...{ isFilled: true, isCleaned: false },
  };
}

/** New processes for each comparison: what two processes of one program differ by is part of it. */
async function compareOnce(kind: Row["kind"], share: number, seed: number): Promise<Row> {
  const start = () => startLocalServer({ engine: values.engine, core: CORE });
  await using base = await start();
  await using other = await start();
  await using twin = await start();
  const usual = workloadFor(share, false);
  const lanes = [
    { plan: planFor(base, "base", usual), twinOf: null, pinning: null },
    {
      plan: planFor(other, "other", workloadFor(share, kind !== "equal")),
      ...{ twinOf: null, pinning: null },
    },
    { plan: planFor(twin, "base again", usual), twinOf: "base", pinning: null },
  ];
  const results = await runPairs({ targets: lanes, pairs, sliceMs: SLICE_MS, seed });
  const { rows } = compareResults(results.map(sameWorkload), { seed });
  const throughput = rows.find(({ metric }) => metric === "throughput");
  if (throughput === undefined) throw new Error("throughput is compared in a closed loop");
  const { ratio, low, high, floor, verdict } = throughput;
  const isAnyFalse =
    kind === "equal" && rows.some((row) => row.verdict === "faster" || row.verdict === "slower");
  return { settings: SETTINGS, kind, share, ratio, low, high, floor, verdict, isAnyFalse };
}

/** The second GETs are there on purpose, and change the hash of the workload. */
function sameWorkload(result: BenchResult): BenchResult {
  return { ...result, config: { ...result.config, workload_sha256: "0".repeat(64) } };
}

const SETTINGS = `${values.engine}, ${pairs} pairs of ${SLICE_MS} ms, pipeline ${depth}`;

function earlierRows(): readonly Row[] {
  if (!existsSync(values.rows)) return [];
  const lines = readFileSync(values.rows, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Row).filter((row) => row.settings === SETTINGS);
}

const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;
const halfWidth = ({ low, high }: Row): number => (high - low) / 2;

function show(row: Row): void {
  const interval = `${row.low.toFixed(3)} to ${row.high.toFixed(3)}`;
  console.log(
    `${row.kind.padEnd(7)} ratio ${row.ratio.toFixed(3)} (${interval}, half of it ${percent(halfWidth(row))}), ` +
      `equals differ by ${percent(row.floor)}: ${row.verdict.replaceAll("_", " ")}`,
  );
}

const rows: Row[] = [...earlierRows()];
for (const row of rows) show(row);

async function take(kind: Row["kind"], share: number): Promise<Row> {
  const row = await compareOnce(kind, share, rows.length + 1);
  rows.push(row);
  mkdirSync(dirname(values.rows), { recursive: true });
  appendFileSync(values.rows, `${JSON.stringify(row)}\n`);
  show(row);
  return row;
}

const of = (kind: Row["kind"]): readonly Row[] => rows.filter((row) => row.kind === kind);
const cost = of("cost")[0] ?? (await take("cost", 1));
const share = Math.min(1, INJECTED / Math.max(INJECTED, 1 / cost.ratio - 1));
// In turns, so that a call that ends early has both.
for (;;) {
  const [equal, slowed] = [of("equal").length, of("slowed").length];
  const missing = { equal: Number(values.equal) - equal, slowed: Number(values.slowed) - slowed };
  if ((missing.equal <= 0 && missing.slowed <= 0) || Date.now() > endMs) break;
  const isEqualNext = missing.equal > 0 && (equal <= slowed || missing.slowed <= 0);
  await take(isEqualNext ? "equal" : "slowed", share);
}

const [equal, slowed] = [of("equal"), of("slowed")];
const widths = equal.map(halfWidth);
const found = slowed.filter(({ verdict }) => verdict === "slower").length;
const falseThroughput = equal.filter(({ verdict }) => verdict !== "no_difference_shown").length;
const cameTo = slowed.length === 0 ? undefined : 1 / median(slowed.map(({ ratio }) => ratio)) - 1;
console.log(`
${SETTINGS}; a second GET with ${percent(share)} of the operations of the slower server

| | goal | measured |
| --- | ---: | ---: |
| comparisons of equal servers | | ${equal.length} |
| half-width of the interval, median | ≤ 2 % | ${widths.length === 0 ? "–" : percent(median(widths), 2)} |
| half-width, widest | | ${widths.length === 0 ? "–" : percent(Math.max(...widths), 2)} |
| called different, by throughput | | ${falseThroughput} |
| called different, by any figure | | ${equal.filter(({ isAnyFalse }) => isAnyFalse).length} |
| comparisons with a slower server | | ${slowed.length} |
| its slowdown, median over them | 5 % | ${cameTo === undefined ? "–" : percent(cameTo)} |
| found | ≥ 90 % | ${slowed.length === 0 ? "–" : `${found} of ${slowed.length}`} |
`);
