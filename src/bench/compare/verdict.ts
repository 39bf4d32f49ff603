/**
 * Judges whether one target differs from another, in many figures at once.
 *
 * A verdict needs all three: the interval of the ratio leaves 1 out, the test still finds it after
 * correction for all figures asked about, and the effect exceeds what two equal targets differ by
 * on this machine. Else the answer is that no difference was shown, and how small a one could have
 * been.
 */
import { holm } from "../statistics/adjust.ts";
import { bootstrapRatio, medianInterval, type Interval } from "../statistics/bootstrap.ts";
import { exceedance } from "../statistics/effect-size.ts";
import { normalQuantile } from "../statistics/normal.ts";
import { median } from "../statistics/order.ts";
import { rankSumTest, signedRankTest } from "../statistics/rank-tests.ts";

export type Verdict = "faster" | "slower" | "no_difference_shown" | "too_few";

export interface Question {
  readonly metric: "throughput" | "p50" | "p99";
  /** Null for all commands together. */
  readonly command: string | null;
  /** Positive figures. With pairs, equal places ran right after each other. */
  readonly baseline: readonly number[];
  readonly target: readonly number[];
  readonly isPaired: boolean;
  /** What equal targets may differ by, as a share: 0.02. */
  readonly floor: number;
}

export interface Judgement {
  readonly metric: Question["metric"];
  readonly command: string | null;
  readonly n: number;
  readonly baseline_median: number;
  readonly target_median: number;
  /** Target over baseline: the median of the ratios of pairs, or the ratio of the medians. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly test: "signed-rank" | "rank-sum";
  readonly p: number;
  readonly p_adjusted: number;
  /** How often the target's figure exceeds the baseline's, from 0 to 1. */
  readonly a12: number;
  /** Pairs in which the target was better; null without pairs. */
  readonly won: number | null;
  readonly floor: number;
  /** The smallest difference that would have been found nine times in ten, as a share. */
  readonly detectable: number;
  readonly verdict: Verdict;
}

export interface JudgeOptions {
  readonly seed: number;
  /** The chance of any false verdict over all questions: 0.05 unless said otherwise. */
  readonly level?: number;
}

/** Below this many values a side, no test could find anything. */
export const FEWEST_VALUES = 10;
const POWER = 0.9;

/** One judgement a question, in their order. */
export function judge(
  questions: readonly Question[],
  { seed, level = 0.05 }: JudgeOptions,
): readonly Judgement[] {
  const measured = questions.map((question) => measure(question, seed));
  const adjusted = holm(measured.map(({ p }) => p));
  return measured.map((each, index) => {
    const pAdjusted = adjusted[index] ?? 1;
    const detectable = detectableShare(each, level / Math.max(1, questions.length));
    const isShown = pAdjusted < level && isBeyond(each, each.floor);
    const verdict = each.n < FEWEST_VALUES ? "too_few" : isShown ? directionOf(each) : NOT_SHOWN;
    return { ...each, p_adjusted: pAdjusted, detectable, verdict };
  });
}

const NOT_SHOWN = "no_difference_shown" satisfies Verdict;

type Measured = Omit<Judgement, "p_adjusted" | "detectable" | "verdict">;

function measure(question: Question, seed: number): Measured {
  const { metric, command, baseline, target, isPaired, floor } = question;
  const shared = {
    metric,
    command,
    baseline_median: median(baseline),
    target_median: median(target),
    a12: exceedance(target, baseline),
    floor,
  };
  if (!isPaired) {
    const { low, high } = bootstrapRatio(target, baseline, { seed });
    const { p } = rankSumTest(target, baseline);
    const ratio = shared.target_median / shared.baseline_median;
    const n = Math.min(target.length, baseline.length);
    return { ...shared, n, ratio, low, high, test: "rank-sum", p, won: null };
  }
  const differences = logRatios(target, baseline);
  const { low, high } = exponentials(medianInterval(differences, { seed }));
  const better = metric === "throughput" ? 1 : -1;
  return {
    ...shared,
    n: differences.length,
    ratio: Math.exp(median(differences)),
    low,
    high,
    test: "signed-rank",
    p: signedRankTest(differences).p,
    won: differences.filter((difference) => difference * better > 0).length,
  };
}

/**
 * What two equal targets differ by at most, as far as their pairs can tell; never below `least`.
 */
export function noiseFloor(
  first: readonly number[],
  second: readonly number[],
  { seed, least }: { readonly seed: number; readonly least: number },
): number {
  if (Math.min(first.length, second.length) < FEWEST_VALUES) return least;
  const { low, high } = medianInterval(logRatios(second, first), { seed });
  return Math.max(least, Math.expm1(Math.max(Math.abs(low), Math.abs(high))));
}

/** Ratios are symmetric on this scale: twice as fast is as far from equal as half as fast. */
function logRatios(top: readonly number[], bottom: readonly number[]): readonly number[] {
  return top.map((value, index) => Math.log(value / (bottom[index] ?? Number.NaN)));
}

function exponentials({ low, high }: Interval): Interval {
  return { low: Math.exp(low), high: Math.exp(high) };
}

function isBeyond({ ratio, low, high }: Measured, floor: number): boolean {
  return (low > 1 || high < 1) && Math.abs(Math.log(ratio)) > Math.log1p(floor);
}

function directionOf({ metric, ratio }: Measured): Verdict {
  return ratio > 1 === (metric === "throughput") ? "faster" : "slower";
}

/** From the width of the interval; the floor must be passed in nine cases of ten, too. */
function detectableShare({ low, high, floor }: Measured, level: number): number {
  const deviation = Math.log(high / low) / (2 * normalQuantile(0.975));
  const forTest = (normalQuantile(1 - level / 2) + normalQuantile(POWER)) * deviation;
  const forFloor = Math.log1p(floor) + normalQuantile(POWER) * deviation;
  return Math.expm1(Math.max(forTest, forFloor));
}
