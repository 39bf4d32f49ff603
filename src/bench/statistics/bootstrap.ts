/**
 * Intervals for a median by drawing the sample again and again: they ask for no shape of the
 * distribution, and a seed makes them repeatable.
 */
import { normalBelow, normalQuantile } from "./normal.ts";
import { ascending, quantileOfSorted } from "./order.ts";
import { type Random, seededRandom } from "./seeded-random.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  readonly resamples?: number;
  /** 0.95 unless said otherwise. */
  readonly confidence?: number;
  /**
   * `bca` corrects for bias and skew (Efron 1987); `percentile` takes the quantiles as they come.
   */
  readonly method?: "bca" | "percentile";
}

type Statistic = (sorted: Float64Array) => number;

const medianOfSorted: Statistic = (sorted) => quantileOfSorted(sorted, 0.5);

/** Of the median; NaN on both sides for fewer than two values. */
export function medianInterval(values: readonly number[], options: BootstrapOptions): Interval {
  return bootstrapInterval(values, medianOfSorted, options);
}

/** Of any statistic that takes its values sorted. */
export function bootstrapInterval(
  values: readonly number[],
  statistic: Statistic,
  { seed, resamples = 2000, confidence = 0.95, method = "bca" }: BootstrapOptions,
): Interval {
  if (values.length < 2) return { low: Number.NaN, high: Number.NaN };
  const random = seededRandom(seed);
  const sorted = ascending(values);
  const sample = new Float64Array(sorted.length);
  const drawn = new Float64Array(resamples);
  for (let round = 0; round < resamples; round++) {
    resampleSorted(sorted, sample, random);
    drawn[round] = statistic(sample);
  }
  drawn.sort();
  const tail = (1 - confidence) / 2;
  const [low, high] =
    method === "percentile" ? [tail, 1 - tail] : corrected(sorted, statistic, drawn, tail);
  return { low: quantileOfSorted(drawn, low), high: quantileOfSorted(drawn, high) };
}

/** Of the ratio of two medians whose samples have nothing to do with each other. */
export function bootstrapRatio(
  top: readonly number[],
  bottom: readonly number[],
  { seed, resamples = 2000, confidence = 0.95 }: Omit<BootstrapOptions, "method">,
): Interval {
  if (Math.min(top.length, bottom.length) < 2) return { low: Number.NaN, high: Number.NaN };
  const random = seededRandom(seed);
  const drawMedian = (sorted: Float64Array, sample: Float64Array): number => {
    resampleSorted(sorted, sample, random);
    return medianOfSorted(sample);
  };
  const [tops, bottoms] = [ascending(top), ascending(bottom)];
  const [topSample, bottomSample] = [Float64Array.from(tops), Float64Array.from(bottoms)];
  const drawn = new Float64Array(resamples);
  for (let round = 0; round < resamples; round++) {
    drawn[round] = drawMedian(tops, topSample) / drawMedian(bottoms, bottomSample);
  }
  drawn.sort();
  const tail = (1 - confidence) / 2;
  return { low: quantileOfSorted(drawn, tail), high: quantileOfSorted(drawn, 1 - tail) };
}

/** Draws how often each value comes up, which leaves the sample sorted without sorting it. */
function resampleSorted(sorted: Float64Array, sample: Float64Array, random: Random): void {
  const { length } = sorted;
  const counts = new Uint16Array(length);
  for (let draw = 0; draw < length; draw++) {
    const index = Math.floor(random() * length);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  let place = 0;
  for (let index = 0; index < length; index++) {
    const value = sorted[index] ?? 0;
    for (let left = counts[index] ?? 0; left > 0; left--) sample[place++] = value;
  }
}

/** The shares of the drawn values at which the corrected interval ends. */
function corrected(
  sorted: Float64Array,
  statistic: Statistic,
  drawn: Float64Array,
  tail: number,
): readonly [number, number] {
  const estimate = statistic(sorted);
  // Ties count half, or a median that many resamples repeat would look biased.
  let below = 0;
  for (const value of drawn) below += value < estimate ? 1 : value === estimate ? 0.5 : 0;
  if (below === 0 || below === drawn.length) return [tail, 1 - tail];
  const bias = normalQuantile(below / drawn.length);
  const skew = acceleration(sorted, statistic);
  const shift = (z: number): number => normalBelow(bias + (bias + z) / (1 - skew * (bias + z)));
  return [shift(normalQuantile(tail)), shift(normalQuantile(1 - tail))];
}

/** A sixth of the skewness of the estimates that leave one value out. */
function acceleration(sorted: Float64Array, statistic: Statistic): number {
  const left = Array.from(sorted, (_, out) => statistic(sorted.filter((__, i) => i !== out)));
  const mean = left.reduce((sum, value) => sum + value, 0) / left.length;
  const cubes = left.reduce((sum, value) => sum + (mean - value) ** 3, 0);
  const squares = left.reduce((sum, value) => sum + (mean - value) ** 2, 0);
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}
