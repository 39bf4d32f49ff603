/** What two or more targets differ by, from results that ran interleaved or one by one. */
import { KurobeError } from "../../core/errors.ts";
import { type BenchResult, type ResultSlice } from "../result/result.ts";
import { DELIVERY } from "../workload/workload.ts";
import { judge, type Judgement, noiseFloor, type Question } from "./verdict.ts";

export interface ComparisonRow extends Judgement {
  readonly baseline: string;
  readonly target: string;
  /** False where the results ran at different times, which widens what equals differ by. */
  readonly is_paired: boolean;
  /** True where a repeated target measured the floor, false where it is assumed. */
  readonly is_floor_measured: boolean;
}

export interface Comparison {
  readonly schema: "kurobe.bench.comparison/1";
  readonly workload: string;
  readonly baseline: string;
  readonly targets: readonly string[];
  readonly seed: number;
  readonly min_effect: number;
  readonly rows: readonly ComparisonRow[];
}

export interface CompareOptions {
  /** Name of the target that the others are held against: the first one unless said otherwise. */
  readonly baseline?: string | undefined;
  /** Differences below this share are not worth a verdict: 0.02 unless said otherwise. */
  readonly minEffect?: number | undefined;
  readonly seed?: number | undefined;
}

/** What separate runs of equal servers were seen to differ by on a shared machine. */
const UNPAIRED_FLOOR = 0.1;
/** A share of pairs that has the figure: p99 needs 1,000 requests a slice. */
const NEEDED_SHARE = 0.8;

/**
 * Holds every target against the baseline. The results must be of one workload; those with the same
 * `pair_id` are compared slice by slice. Fails with KRB_BENCH_NOT_COMPARABLE.
 */
export function compareResults(
  results: readonly BenchResult[],
  options: CompareOptions = {},
): Comparison {
  const [comparison] = compareAll([results], options);
  if (comparison === undefined) throw new Error("one group gives one comparison");
  return comparison;
}

/**
 * A comparison for each group, as `compareResults` makes it, but the chance of a false verdict is
 * that of all groups together: who asks about fifty commands must not find two by chance.
 */
export function compareAll(
  groups: readonly (readonly BenchResult[])[],
  options: CompareOptions = {},
): readonly Comparison[] {
  const { minEffect = 0.02, seed = 1 } = options;
  const prepared = groups.map((results) => prepare(results, { ...options, minEffect, seed }));
  const answers = judge(
    prepared.flatMap(({ asked }) => asked.map(({ question }) => question)),
    { seed },
  );
  let done = 0;
  return prepared.map(({ base, others, asked }) => {
    const own = answers.slice(done, done + asked.length);
    done += asked.length;
    return {
      schema: "kurobe.bench.comparison/1",
      workload: base.config.workload.name,
      baseline: base.config.name,
      targets: others.map(({ config }) => config.name),
      seed,
      min_effect: minEffect,
      rows: own.flatMap((answer, index) => {
        const origin = asked[index];
        return origin === undefined ? [] : [{ ...origin.labels, ...answer }];
      }),
    };
  });
}

interface Prepared {
  readonly base: BenchResult;
  readonly others: readonly BenchResult[];
  readonly asked: readonly Asked[];
}

function prepare(
  results: readonly BenchResult[],
  { baseline: wanted, minEffect, seed }: CompareOptions & Omit<FloorSource, "twins">,
): Prepared {
  const lanes = results.filter(({ config }) => config.twin_of === null);
  const twins = results.filter(({ config }) => config.twin_of !== null);
  checkLanes(lanes);
  const base = lanes.find(({ config }) => config.name === wanted) ?? lanes[0];
  if (base === undefined || (wanted !== undefined && base.config.name !== wanted)) {
    const names = lanes.map(({ config }) => config.name).join(", ");
    throw new KurobeError(
      "KRB_BENCH_NOT_COMPARABLE",
      `No result is of ${wanted}: there are ${names}`,
    );
  }
  const others = lanes.filter((lane) => lane !== base);
  const asked = others.flatMap((other) => questionsFor(base, other, { twins, minEffect, seed }));
  return { base, others, asked };
}

function checkLanes(lanes: readonly BenchResult[]): void {
  const names = lanes.map(({ config }) => config.name);
  const workloads = [...new Set(lanes.map(({ config }) => config.workload_sha256))];
  const problem =
    lanes.length < 2
      ? `there are ${lanes.length} results`
      : new Set(names).size < names.length
        ? `two results bear the name ${names.find((name, index) => names.indexOf(name) < index)}`
        : workloads.length > 1
          ? `the workloads differ: ${lanes.map(describeWorkload).join(", ")}`
          : undefined;
  if (problem !== undefined) {
    throw new KurobeError("KRB_BENCH_NOT_COMPARABLE", `The results cannot be compared: ${problem}`);
  }
}

function describeWorkload({ config }: BenchResult): string {
  const hash = config.workload_sha256.slice(0, 8);
  return `${config.name} ran ${config.workload.name} (${hash})`;
}

interface Asked {
  readonly question: Question;
  readonly labels: Pick<ComparisonRow, "baseline" | "target" | "is_paired" | "is_floor_measured">;
}

interface FloorSource {
  readonly twins: readonly BenchResult[];
  readonly minEffect: number;
  readonly seed: number;
}

function questionsFor(
  base: BenchResult,
  other: BenchResult,
  source: FloorSource,
): readonly Asked[] {
  const isPaired = base.pair_id !== null && base.pair_id === other.pair_id;
  const labels = {
    baseline: base.config.name,
    target: other.config.name,
    is_paired: isPaired,
  };
  if (!isPaired) {
    return unpairedFigures(base, other).map(({ metric, first, second }) => ({
      question: {
        metric,
        command: null,
        baseline: first,
        target: second,
        isPaired,
        floor: Math.max(UNPAIRED_FLOOR, source.minEffect),
      },
      labels: { ...labels, is_floor_measured: false },
    }));
  }
  return figuresOf(base, other).flatMap((figure) => {
    const { first, second } = pairedValues(base, other, figure.read);
    if (first.length < NEEDED_SHARE * base.stats.slices.length) return [];
    const { floor, isMeasured } = floorFor(base, other, figure, source);
    const { metric, command } = figure;
    return [
      {
        question: { metric, command, baseline: first, target: second, isPaired, floor },
        labels: { ...labels, is_floor_measured: isMeasured },
      },
    ];
  });
}

interface Figure {
  readonly metric: Question["metric"];
  readonly command: string | null;
  readonly read: (slice: ResultSlice) => number | null;
}

/** Commands are asked about by latency alone: how often each one runs is the workload's choice. */
function figuresOf(base: BenchResult, other: BenchResult): readonly Figure[] {
  const commands = Object.keys(base.stats.by_command).filter((name) =>
    Object.hasOwn(other.stats.by_command, name),
  );
  // At a rate, throughput is what was asked for; where it is not, operations were dropped.
  const isAtRate = base.config.loop === "open" && other.config.loop === "open";
  const throughput: Figure = {
    metric: "throughput",
    command: null,
    read: ({ requests, seconds }) => requests / seconds,
  };
  return [
    ...(isAtRate ? [] : [throughput]),
    { metric: "p50", command: null, read: ({ p50_ms }) => p50_ms },
    { metric: "p99", command: null, read: ({ p99_ms }) => p99_ms },
    ...(commands.length < 2 ? [] : commands.filter(isAskedAbout)).flatMap(
      (command): readonly Figure[] => [
        { metric: "p50", command, read: ({ by_command }) => by_command[command]?.p50_ms ?? null },
        { metric: "p99", command, read: ({ by_command }) => by_command[command]?.p99_ms ?? null },
      ],
    ),
  ];
}

/** Deliveries are what the figures of the whole are of. */
function isAskedAbout(command: string): boolean {
  return command !== DELIVERY;
}

interface Values {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** Pairs in which both targets have the figure; zeros have no ratio. */
function pairedValues(base: BenchResult, other: BenchResult, read: Figure["read"]): Values {
  const theirs = new Map(other.stats.slices.map((slice) => [slice.pair, read(slice)]));
  const both = base.stats.slices.flatMap((slice) => {
    const mine = read(slice);
    const their = theirs.get(slice.pair) ?? null;
    return mine !== null && their !== null && mine > 0 && their > 0 ? [[mine, their] as const] : [];
  });
  return { first: both.map(([mine]) => mine), second: both.map(([, their]) => their) };
}

/** The worst of the repeated targets of this pair, since each of the two may be noisy by itself. */
function floorFor(
  base: BenchResult,
  other: BenchResult,
  { read }: Figure,
  { twins, minEffect, seed }: FloorSource,
): { readonly floor: number; readonly isMeasured: boolean } {
  const floors = [base, other].flatMap((original) =>
    twins
      .filter(
        ({ config, pair_id }) =>
          config.twin_of === original.config.name && pair_id === original.pair_id,
      )
      .map((twin) => {
        const { first, second } = pairedValues(original, twin, read);
        return noiseFloor(first, second, { seed, least: minEffect });
      }),
  );
  return { floor: Math.max(minEffect, ...floors), isMeasured: floors.length > 0 };
}

/** Intervals of the time series stand for separate runs; latencies only where each has them. */
function unpairedFigures(
  base: BenchResult,
  other: BenchResult,
): readonly (Values & { readonly metric: Question["metric"] })[] {
  const known = (values: readonly (number | null)[]): readonly number[] =>
    values.filter((value) => value !== null && value > 0) as readonly number[];
  const [mine, theirs] = [base.stats.timeseries, other.stats.timeseries];
  const figures = [
    { metric: "throughput", read: (moment: (typeof mine)[number]) => moment.ops },
    { metric: "p50", read: (moment: (typeof mine)[number]) => moment.p50_ms },
    { metric: "p99", read: (moment: (typeof mine)[number]) => moment.p99_ms },
  ] as const;
  return figures
    .map(({ metric, read }) => ({
      metric,
      first: known(mine.map(read)),
      second: known(theirs.map(read)),
    }))
    .filter(({ first, second }) => first.length > 1 && second.length > 1);
}
