import { describe, expect, it } from "vitest";
import { AliasTable } from "./alias-table.ts";
import { type Distribution, openSampler } from "./distribution.ts";
import { Random } from "./random.ts";
import { drawSize } from "./value-size.ts";

const DRAWS = 200_000;

/** Chi-square of observed against expected counts, few expected ones pooled; and its degrees. */
function chiSquare(
  observed: readonly number[],
  expected: readonly number[],
): { readonly statistic: number; readonly degrees: number } {
  let statistic = 0;
  let cells = 0;
  let pooledObserved = 0;
  let pooledExpected = 0;
  const add = (seen: number, due: number): void => {
    statistic += (seen - due) ** 2 / due;
    cells += 1;
  };
  expected.forEach((due, index) => {
    pooledObserved += observed[index] ?? 0;
    pooledExpected += due;
    if (pooledExpected < 10) return;
    add(pooledObserved, pooledExpected);
    pooledObserved = 0;
    pooledExpected = 0;
  });
  if (pooledExpected > 0) add(pooledObserved, pooledExpected);
  return { statistic, degrees: cells - 1 };
}

/** The 99.99 % point by Wilson and Hilferty: the seed is fixed, so this never fails by chance. */
function critical(degrees: number): number {
  const z = 3.719;
  return degrees * (1 - 2 / (9 * degrees) + z * Math.sqrt(2 / (9 * degrees))) ** 3;
}

function expectFit(observed: readonly number[], shares: readonly number[]): void {
  const total = observed.reduce((sum, count) => sum + count, 0);
  const { statistic, degrees } = chiSquare(
    observed,
    shares.map((share) => share * total),
  );
  expect(statistic).toBeLessThan(critical(degrees));
}

function draw(distribution: Distribution, count: number): number[] {
  const sampler = openSampler(distribution, count, new Random(7, 3));
  const observed = Array<number>(count).fill(0);
  for (let index = 0; index < DRAWS; index++) {
    const key = sampler.next();
    if (Number.isInteger(key) && key >= 0 && key < count) observed[key] = (observed[key] ?? 0) + 1;
  }
  expect(observed.reduce((sum, times) => sum + times, 0)).toBe(DRAWS);
  return observed;
}

function zipfShares(count: number, theta: number): readonly number[] {
  const weights = Array.from({ length: count }, (_, index) => (index + 1) ** -theta);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

describe("distributions", () => {
  it("uniform: each key as often", () => {
    expectFit(draw({ kind: "uniform" }, 1000), Array<number>(1000).fill(1 / 1000));
  });

  it.each([0.5, 0.99, 1, 1.4])(
    "zipfian with theta %d: by rank, each rank on a key of its own",
    (theta) => {
      const observed = draw({ kind: "zipfian", theta }, 1000);
      // Which key a rank lies on is known: the first 1,000 multiples of the stride.
      const stride = observed.indexOf(Math.max(...observed.slice(1)));
      const ranked = observed.map((_, rank) => observed[(rank * stride) % 1000] ?? 0);
      expectFit(ranked, zipfShares(1000, theta));
    },
  );

  it("uniform: many at once are the same ones", () => {
    const some = new Random(7, 3);
    const many = new Random(7, 3);
    const numbers = new Float64Array(10);
    for (const [limit, count] of [
      [1, 3],
      [1000, 10],
      [2 ** 32, 7],
      [100_000, 0],
      [6, 1],
    ] as const) {
      const expected = Array.from({ length: count }, () => some.below(limit));
      many.fillBelow(limit, count, numbers);
      expect([...numbers.subarray(0, count)]).toEqual(expected);
    }
    expect(many.uint32()).toBe(some.uint32());
  });

  it("gaussian: a bell around the middle", () => {
    const observed = draw({ kind: "gaussian", spread: 1 / 6 }, 600);
    const mean = observed.reduce((sum, count, key) => sum + count * (key + 0.5), 0) / DRAWS;
    const variance =
      observed.reduce((sum, count, key) => sum + count * (key + 0.5 - mean) ** 2, 0) / DRAWS;
    expect(Math.abs(mean - 300)).toBeLessThan(1);
    // Cut at three standard deviations, the bell loses a little of its width.
    expect(Math.abs(Math.sqrt(variance) - 98.66)).toBeLessThan(0.7);
  });

  it("hot set: a tenth of the keys gets nine tenths of the operations", () => {
    const hotset = { kind: "hotset", keyShare: 0.1, operationShare: 0.9 } as const;
    const shares = Array.from({ length: 1000 }, (_, key) => (key < 100 ? 0.9 / 100 : 0.1 / 900));
    expectFit(draw(hotset, 1000), shares);
  });

  it("sequential: each key in turn", () => {
    expect(draw({ kind: "sequential" }, 1000)).toEqual(Array<number>(1000).fill(DRAWS / 1000));
  });

  it("latest: the newest key is the most popular one, and it moves", () => {
    let newest = 1000;
    const sampler = openSampler({ kind: "latest", theta: 0.99 }, 1000, new Random(1), {
      newest: () => newest,
    });
    const observed = Array<number>(1000).fill(0);
    for (let index = 0; index < DRAWS; index++) {
      const back = newest - 1 - sampler.next();
      observed[back] = (observed[back] ?? 0) + 1;
      if (index % 1000 === 0) newest += 1;
    }
    expectFit(observed, zipfShares(1000, 0.99));
  });

  it("takes a key count of one", () => {
    for (const kind of ["uniform", "sequential"] as const) draw({ kind }, 1);
    draw({ kind: "zipfian", theta: 0.99 }, 1);
    draw({ kind: "hotset", keyShare: 0.1, operationShare: 0.9 }, 1);
  });
});

describe("operations and sizes", () => {
  it("come with their weights", () => {
    const weights = [80, 15, 4, 1, 0];
    const table = new AliasTable(weights, new Random(5));
    const observed = weights.map(() => 0);
    for (let index = 0; index < DRAWS; index++) {
      const choice = table.next();
      observed[choice] = (observed[choice] ?? 0) + 1;
    }
    expect(observed[4]).toBe(0);
    expectFit(observed.slice(0, 4), [0.8, 0.15, 0.04, 0.01]);
  });

  it("follow their histogram", () => {
    const sizes = [
      { bytes: 64, weight: 80 },
      { bytes: 1024, weight: 15 },
      { bytes: 16_384, weight: 5 },
    ];
    const random = new Random(9);
    const observed = [0, 0, 0];
    for (let index = 0; index < DRAWS; index++) {
      const bytes = drawSize({ kind: "histogram", sizes }, random);
      const place = sizes.findIndex((size) => size.bytes === bytes);
      observed[place] = (observed[place] ?? 0) + 1;
    }
    expectFit(observed, [0.8, 0.15, 0.05]);
  });

  it("include both ends of a range", () => {
    const random = new Random(2);
    const seen = new Set<number>();
    for (let index = 0; index < 1000; index++) {
      seen.add(drawSize({ kind: "range", fromBytes: 3, toBytes: 5 }, random));
    }
    expect([...seen].toSorted((a, b) => a - b)).toEqual([3, 4, 5]);
  });
});
