/** Which of `count` keys comes next, as index from 0. */
import { type Random } from "./random.ts";

export type Distribution =
  | { readonly kind: "uniform" }
  /** Popularity falls with rank to the power of `theta`; the ranks are spread over the keys. */
  | { readonly kind: "zipfian"; readonly theta: number }
  /** Around the middle; the standard deviation is `spread` of the number of keys. */
  | { readonly kind: "gaussian"; readonly spread: number }
  /** A share of the keys gets a share of the operations. */
  | { readonly kind: "hotset"; readonly keyShare: number; readonly operationShare: number }
  | { readonly kind: "sequential" }
  /** The newest keys are the most popular ones, as in YCSB's workload D. */
  | { readonly kind: "latest"; readonly theta: number };

export interface Sampler {
  next(): number;
  /** As so many calls of `next`, where that is quicker at once. */
  fill?(count: number, numbers: Float64Array): void;
}

/** `start` is where a sequence begins, so that connections do not walk in step. */
export function openSampler(
  distribution: Distribution,
  count: number,
  random: Random,
  { start = 0, newest = () => count }: { readonly start?: number; newest?: () => number } = {},
): Sampler {
  switch (distribution.kind) {
    case "uniform":
      return {
        next: () => random.below(count),
        fill: (times, numbers) => random.fillBelow(count, times, numbers),
      };
    case "zipfian": {
      const ranks = new ZipfRanks(count, distribution.theta, random);
      const stride = strideFor(count);
      return { next: () => (ranks.next() * stride) % count };
    }
    case "gaussian":
      return new Gaussian(count, distribution.spread, random);
    case "hotset": {
      const hotKeys = Math.max(1, Math.round(count * distribution.keyShare));
      const { operationShare } = distribution;
      return {
        next: () =>
          random.unit() < operationShare || hotKeys === count
            ? random.below(hotKeys)
            : hotKeys + random.below(count - hotKeys),
      };
    }
    case "sequential": {
      let index = start % count;
      return {
        next: () => {
          const current = index;
          index = index + 1 === count ? 0 : index + 1;
          return current;
        },
      };
    }
    case "latest": {
      const ranks = new ZipfRanks(count, distribution.theta, random);
      return { next: () => Math.max(0, newest() - 1 - ranks.next()) };
    }
  }
}

/**
 * Ranks from 0, by rejection-inversion (Hörmann and Derflinger, 1996): no table, the same cost for
 * ten keys and for a billion.
 */
class ZipfRanks {
  readonly #random: Random;
  readonly #count: number;
  readonly #theta: number;
  readonly #first: number;
  readonly #last: number;
  readonly #squeeze: number;

  constructor(count: number, theta: number, random: Random) {
    this.#random = random;
    this.#count = count;
    this.#theta = theta;
    this.#first = this.#integral(1.5) - 1;
    this.#last = this.#integral(count + 0.5);
    this.#squeeze = 2 - this.#inverse(this.#integral(2.5) - this.#height(2));
  }

  next(): number {
    for (;;) {
      const area = this.#last + this.#random.unit() * (this.#first - this.#last);
      const x = this.#inverse(area);
      const rank = Math.min(this.#count, Math.max(1, Math.floor(x + 0.5)));
      if (rank - x <= this.#squeeze || area >= this.#integral(rank + 0.5) - this.#height(rank)) {
        return rank - 1;
      }
    }
  }

  #height(x: number): number {
    return Math.exp(-this.#theta * Math.log(x));
  }

  #integral(x: number): number {
    const logarithm = Math.log(x);
    return expRatio((1 - this.#theta) * logarithm) * logarithm;
  }

  #inverse(area: number): number {
    const scaled = Math.max(-1, area * (1 - this.#theta));
    return Math.exp(logRatio(scaled) * area);
  }
}

/** `(e^x - 1) / x`, right at 0, too. */
function expRatio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x * 0.5 * (1 + (x / 3) * (1 + x * 0.25));
}

/** `ln(1 + x) / x`, right at 0, too. */
function logRatio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x * (0.5 - x * (1 / 3 - 0.25 * x));
}

class Gaussian {
  readonly #count: number;
  readonly #spread: number;
  readonly #random: Random;
  #spare = 0;
  #hasSpare = false;

  constructor(count: number, spread: number, random: Random) {
    this.#count = count;
    this.#spread = spread;
    this.#random = random;
  }

  next(): number {
    for (;;) {
      const index = Math.floor(this.#count * (0.5 + this.#spread * this.#normal()));
      if (index >= 0 && index < this.#count) return index;
    }
  }

  /** Marsaglia's polar method: numbers come in pairs. */
  #normal(): number {
    if (this.#hasSpare) {
      this.#hasSpare = false;
      return this.#spare;
    }
    for (;;) {
      const x = this.#random.unit() * 2 - 1;
      const y = this.#random.unit() * 2 - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * scale;
      this.#hasSpare = true;
      return x * scale;
    }
  }
}

/**
 * Ranks times this number, modulo the number of keys, meet each key once: hot keys then lie apart
 * from each other. Small enough for the product to stay exact.
 */
function strideFor(count: number): number {
  let stride = Math.min(2_097_143, Math.max(1, Math.floor(count * 0.618_033_988_75)));
  while (greatestCommonDivisor(stride, count) !== 1) stride += 1;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
