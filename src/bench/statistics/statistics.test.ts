import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { benjaminiHochberg, holm } from "./adjust.ts";
import { bootstrapInterval, medianInterval } from "./bootstrap.ts";
import { cliffsDelta, exceedance } from "./effect-size.ts";
import { normalBelow, normalQuantile } from "./normal.ts";
import { median, quantile, quantileOfSorted } from "./order.ts";
import { rankSumTest, signedRankTest } from "./rank-tests.ts";
import { seededRandom } from "./seeded-random.ts";

interface Reference {
  readonly signedRank: readonly (Judged & { readonly differences: readonly number[] })[];
  readonly rankSum: readonly (Judged & {
    readonly first: readonly number[];
    readonly second: readonly number[];
  })[];
  readonly normal: readonly (readonly [number, number])[];
  readonly normalQuantile: readonly (readonly [number, number])[];
  readonly bca: readonly {
    readonly values: readonly number[];
    readonly statistic: "mean" | "median";
    readonly low: number;
    readonly high: number;
  }[];
}

interface Judged {
  readonly statistic: number;
  readonly p: number;
}

/** What SciPy 1.17.1 answers for samples that NumPy drew. */
const reference = JSON.parse(
  readFileSync(join(import.meta.dirname, "fixtures", "scipy.json"), "utf8"),
) as Reference;

describe("the normal distribution", () => {
  it("is SciPy's, far into the tails", () => {
    for (const [z, below] of reference.normal) {
      expect(Math.abs(normalBelow(z) / below - 1)).toBeLessThan(1e-12);
    }
    for (const [share, z] of reference.normalQuantile) {
      expect(normalQuantile(share)).toBeCloseTo(z, 11);
    }
  });
});

describe("the signed-rank test", () => {
  it("gives the example of SciPy's documentation, after Wilcoxon's plants", () => {
    const heights = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75];
    expect(signedRankTest(heights)).toEqual({ statistic: 24, p: 0.041259765625, isExact: true });
  });

  it.each(reference.signedRank.map((each) => [each.differences.length, each] as const))(
    "agrees with SciPy on %d differences",
    (_, { differences, statistic, p }) => {
      const answer = signedRankTest(differences);
      expect(answer.statistic).toBe(statistic);
      expect(answer.p).toBeCloseTo(p, 10);
    },
  );

  it("finds nothing in nothing", () => {
    expect(signedRankTest([]).p).toBe(1);
    expect(signedRankTest([0, 0, 0]).p).toBe(1);
  });
});

describe("the rank-sum test", () => {
  it("gives both examples of SciPy's documentation", () => {
    const males = [19, 22, 16, 29, 24];
    const females = [20, 11, 17, 12];
    expect(rankSumTest(males, females).statistic).toBe(17);
    expect(rankSumTest(males, females).p).toBeCloseTo(1 / 9, 12);
  });

  it.each(
    reference.rankSum.map((each) => [`${each.first.length}, ${each.second.length}`, each] as const),
  )("agrees with SciPy on samples of %s", (_, { first, second, statistic, p }) => {
    const answer = rankSumTest(first, second);
    expect(answer.statistic).toBe(statistic);
    expect(answer.p).toBeCloseTo(p, 10);
  });

  it("finds no difference between equal values", () => {
    expect(rankSumTest(Array(30).fill(1) as number[], Array(30).fill(1) as number[]).p).toBe(1);
  });
});

describe("effect sizes", () => {
  it("count pairs, ties half", () => {
    const first = [3, 5, 5, 8];
    const second = [1, 5, 7];
    const pairs = first.flatMap((left) => second.map((right) => Math.sign(left - right)));
    const delta = pairs.reduce((sum, sign) => sum + sign, 0) / pairs.length;
    expect(cliffsDelta(first, second)).toBeCloseTo(delta, 12);
    expect(exceedance([2, 3], [0, 1])).toBe(1);
    expect(exceedance([], [0, 1])).toBe(0.5);
  });
});

describe("corrections for many questions", () => {
  it("give R's p.adjust", () => {
    const p = [0.03, 0.01, 0.04, 0.02, 0.05];
    expect(holm(p).map((value) => Number(value.toFixed(12)))).toEqual([
      0.09, 0.05, 0.09, 0.08, 0.09,
    ]);
    expect(benjaminiHochberg(p).map((value) => Number(value.toFixed(12)))).toEqual([
      0.05, 0.05, 0.05, 0.05, 0.05,
    ]);
  });

  it("give the example of SciPy's documentation, after Benjamini and Hochberg's table", () => {
    const p = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719,
      0.6528, 0.759, 1,
    ];
    const adjusted = [
      0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714, 0.06385714, 0.0645, 0.0765, 0.486,
      0.58118182, 0.714875, 0.75323077, 0.81321429, 1,
    ];
    benjaminiHochberg(p).forEach((value, index) => {
      expect(value).toBeCloseTo(adjusted[index] ?? 0, 8);
    });
  });
});

describe("quantiles", () => {
  it("are linear between neighbours", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 0.9)).toBeCloseTo(46, 12);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("bootstrap intervals", () => {
  it.each(reference.bca.map((each) => [each.statistic, each] as const))(
    "of a %s agree with SciPy's",
    (_, { values, statistic, low, high }) => {
      const mean = (sorted: Float64Array): number =>
        sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
      const middle = (sorted: Float64Array): number => quantileOfSorted(sorted, 0.5);
      const options = { seed: 3, resamples: 40_000 };
      const interval = bootstrapInterval(values, statistic === "mean" ? mean : middle, options);
      // Both draw at random: they agree as far as the number of draws can tell.
      const tolerance = (high - low) * (statistic === "mean" ? 0.03 : 0.12);
      expect(Math.abs(interval.low - low)).toBeLessThan(tolerance);
      expect(Math.abs(interval.high - high)).toBeLessThan(tolerance);
    },
  );

  it("hold the true median in 95 of 100 samples, skewed ones too", () => {
    const random = seededRandom(11);
    const normal = (): number => normalQuantile(random());
    const samples = Array.from({ length: 250 }, () =>
      Array.from({ length: 60 }, () => Math.exp(0.6 * normal())),
    );
    for (const method of ["bca", "percentile"] as const) {
      const held = samples.filter((values, seed) => {
        const { low, high } = medianInterval(values, { seed, resamples: 600, method });
        return low <= 1 && 1 <= high;
      });
      expect(held.length / samples.length).toBeGreaterThan(0.91);
      expect(held.length / samples.length).toBeLessThan(0.99);
    }
  });

  it("are the same for the same seed, and need two values", () => {
    const values = [1, 5, 2, 8, 3];
    expect(medianInterval(values, { seed: 5 })).toEqual(medianInterval(values, { seed: 5 }));
    expect(medianInterval([1], { seed: 5 })).toEqual({ low: Number.NaN, high: Number.NaN });
  });
});

describe("random numbers", () => {
  it("are evenly spread and differ between near seeds", () => {
    const cells = Array.from({ length: 64 }, () => 0);
    const random = seededRandom(1);
    for (let draw = 0; draw < 64_000; draw++) {
      const cell = Math.floor(random() * 64);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    const chiSquare = cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 63 degrees of freedom: 99.9 % lie below 103.4.
    expect(chiSquare).toBeLessThan(103.4);
    const firsts = [1, 2, 3, 4].map((seed) => seededRandom(seed)());
    expect(new Set(firsts.map((value) => Math.round(value * 8))).size).toBeGreaterThan(1);
  });
});
