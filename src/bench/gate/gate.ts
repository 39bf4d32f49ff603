/** Holds new results against a baseline for continuous integration: how much worse is too much? */
import { KurobeError } from "../../core/errors.ts";
import { type BenchResult } from "../result/result.ts";
import { bootstrapRatio } from "../statistics/bootstrap.ts";

/** Shares by figure: `p99=10%` is 0.1. */
export interface GateLimit {
  readonly figure: GateFigure;
  readonly share: number;
}

export type GateFigure = keyof typeof FIGURES;

interface Figure {
  readonly isHigherBetter: boolean;
  readonly read: (result: BenchResult) => number | null;
  /** The figure over the run, for its interval. */
  readonly series: (result: BenchResult) => readonly (number | null)[];
}

/** Slices where there are some: they are finer. */
const moments = ({ slices, timeseries }: BenchResult["stats"]) =>
  slices.length > 0 ? slices : timeseries;

const none = (): readonly number[] => [];

const FIGURES = {
  throughput: {
    isHigherBetter: true,
    read: ({ stats }) => stats.throughput_ops,
    series: ({ stats }) =>
      stats.slices.length > 0
        ? stats.slices.map(({ requests, seconds }) => requests / seconds)
        : stats.timeseries.map(({ ops }) => ops),
  },
  mean: { isHigherBetter: false, read: ({ stats }) => stats.latency_ms.mean, series: none },
  p50: {
    isHigherBetter: false,
    read: ({ stats }) => stats.latency_ms.p50,
    series: ({ stats }) => moments(stats).map(({ p50_ms }) => p50_ms),
  },
  p90: { isHigherBetter: false, read: ({ stats }) => stats.latency_ms.p90, series: none },
  p95: { isHigherBetter: false, read: ({ stats }) => stats.latency_ms.p95, series: none },
  p99: {
    isHigherBetter: false,
    read: ({ stats }) => stats.latency_ms.p99,
    series: ({ stats }) => moments(stats).map(({ p99_ms }) => p99_ms),
  },
  "p99.9": { isHigherBetter: false, read: ({ stats }) => stats.latency_ms.p99_9, series: none },
  max: { isHigherBetter: false, read: ({ stats }) => stats.latency_ms.max, series: none },
} as const satisfies Record<string, Figure>;

export interface GateRow {
  readonly target: string;
  readonly workload: string;
  readonly figure: GateFigure;
  readonly baseline: number | null;
  readonly current: number | null;
  /** Positive where it got worse; null where one of the two is missing. */
  readonly regression: number | null;
  /** 95 % interval of the regression; null where the results hold no series of the figure. */
  readonly low: number | null;
  readonly high: number | null;
  readonly limit: number;
  readonly verdict: "passed" | "regressed" | "unknown";
}

/**
 * Reads `p99=10%,throughput=5%`; a share without a sign counts as well: `p99=0.1`. Throws
 * KRB_BENCH_LIMITS.
 */
export function readLimits(text: string): readonly GateLimit[] {
  return text.split(",").map((part) => {
    const [, name = "", amount = "", sign] =
      /^\s*([a-z0-9.]+)\s*=\s*(\d+(?:\.\d+)?)\s*(%?)\s*$/.exec(part) ?? [];
    if (!Object.hasOwn(FIGURES, name)) {
      const known = Object.keys(FIGURES).join(", ");
      const what = name === "" ? `${JSON.stringify(part)} is no limit` : `${name} is no figure`;
      throw new KurobeError("KRB_BENCH_LIMITS", `${what}: write p99=10%, with one of ${known}`);
    }
    return { figure: name as GateFigure, share: Number(amount) / (sign === "%" ? 100 : 1) };
  });
}

/**
 * One row for each current result and limit. A result's baseline has the same target name and
 * workload; where there is none, or a figure is missing on one side, the row is `unknown`.
 */
export function gate(
  current: readonly BenchResult[],
  baselines: readonly BenchResult[],
  limits: readonly GateLimit[],
): readonly GateRow[] {
  return current
    .filter(({ config }) => config.twin_of === null)
    .flatMap((result) => {
      const baseline = baselineFor(result, baselines);
      return limits.map((limit) => rowFor(result, baseline, limit));
    });
}

function baselineFor(
  { config }: BenchResult,
  baselines: readonly BenchResult[],
): BenchResult | undefined {
  return baselines.find(
    (each) =>
      each.config.name === config.name &&
      each.config.workload_sha256 === config.workload_sha256 &&
      each.config.connections === config.connections &&
      each.config.pipeline === config.pipeline &&
      each.config.loop === config.loop &&
      each.config.rate === config.rate,
  );
}

function rowFor(
  result: BenchResult,
  baseline: BenchResult | undefined,
  { figure, share }: GateLimit,
): GateRow {
  const { read, isHigherBetter }: Figure = FIGURES[figure];
  const labels = { target: result.config.name, workload: result.config.workload.name, figure };
  const before = baseline === undefined ? null : read(baseline);
  const now = read(result);
  const isUsable = result.validity.is_valid && (baseline?.validity.is_valid ?? false);
  if (baseline === undefined || !isUsable || before === null || now === null || before <= 0) {
    const values = { baseline: before, current: now, regression: null, low: null, high: null };
    return { ...labels, ...values, limit: share, verdict: "unknown" };
  }
  const regressionOf = (ratio: number): number => (isHigherBetter ? 1 - ratio : ratio - 1);
  const regression = regressionOf(now / before);
  return {
    ...labels,
    baseline: before,
    current: now,
    regression,
    ...intervalOf(result, baseline, figure, regressionOf),
    limit: share,
    verdict: regression > share ? "regressed" : "passed",
  };
}

function intervalOf(
  result: BenchResult,
  baseline: BenchResult,
  figure: GateFigure,
  regressionOf: (ratio: number) => number,
): Pick<GateRow, "low" | "high"> {
  const { series }: Figure = FIGURES[figure];
  const known = (from: BenchResult): readonly number[] =>
    series(from).filter((value) => value !== null && value > 0) as readonly number[];
  const { low, high } = bootstrapRatio(known(result), known(baseline), { seed: 1 });
  if (Number.isNaN(low)) return { low: null, high: null };
  const ends = [regressionOf(low), regressionOf(high)];
  return { low: Math.min(...ends), high: Math.max(...ends) };
}
