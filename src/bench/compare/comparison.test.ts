import { describe, expect, it } from "vitest";
import { madeResult } from "../../../test/support/bench-results.ts";
import {
  QUIET,
  simulateComparison,
  type SimulatedLane,
} from "../../../test/support/simulated-slices.ts";
import { type BenchResult } from "../result/result.ts";
import { compareAll, compareResults, type ComparisonRow } from "./comparison.ts";
import { sentenceOf } from "./sentence.ts";

const EQUAL: readonly SimulatedLane[] = [
  { name: "left" },
  { name: "right" },
  { name: "left again", twinOf: "left" },
];
const SLOWED: readonly SimulatedLane[] = [
  { name: "left" },
  { name: "right", slowdown: 0.05 },
  { name: "left again", twinOf: "left" },
];

function rowsFor(lanes: readonly SimulatedLane[], seed: number): readonly ComparisonRow[] {
  return compareResults(simulateComparison(lanes, { seed }), { seed }).rows;
}

function throughputOf(rows: readonly ComparisonRow[]): ComparisonRow {
  const row = rows.find(({ metric, command }) => metric === "throughput" && command === null);
  if (row === undefined) throw new Error("no throughput was compared");
  return row;
}

describe("a comparison under the noise of a shared machine", () => {
  const runs = Array.from({ length: 60 }, (_, seed) => seed + 1);

  it("calls equal servers different in at most 5 of 100 runs, whatever it looks at", () => {
    const wrong = runs.filter((seed) =>
      rowsFor(EQUAL, seed).some(({ verdict }) => verdict !== "no_difference_shown"),
    );
    expect(wrong.length / runs.length).toBeLessThanOrEqual(0.05);
  });

  it("finds a server that is 5 % slower in at least 90 of 100 runs", () => {
    const found = runs.filter((seed) => throughputOf(rowsFor(SLOWED, seed)).verdict === "slower");
    expect(found.length / runs.length).toBeGreaterThanOrEqual(0.9);
  });

  it("knows the true ratio within its interval in about 95 of 100 runs", () => {
    const steady = { ...QUIET, instance: 0 };
    const held = runs.filter((seed) => {
      const results = simulateComparison(SLOWED, { seed, noise: steady });
      const { low, high } = throughputOf(compareResults(results, { seed }).rows);
      return low <= 1 / 1.05 && 1 / 1.05 <= high;
    });
    expect(held.length / runs.length).toBeGreaterThan(0.88);
    expect(held.length).toBeLessThan(runs.length);
  });

  it("says what it could have found, and finds about that", () => {
    const { detectable } = throughputOf(rowsFor(EQUAL, 5));
    expect(detectable).toBeGreaterThan(0.02);
    expect(detectable).toBeLessThan(0.08);
  });
});

describe("verdicts", () => {
  it("stay out where an equal server differed as much", () => {
    const lanes = [...SLOWED.slice(0, 2), { name: "left again", twinOf: "left", slowdown: 0.06 }];
    const row = throughputOf(rowsFor(lanes, 3));
    expect(row.high).toBeLessThan(1);
    expect(row).toMatchObject({ verdict: "no_difference_shown", is_floor_measured: true });
    expect(row.floor).toBeGreaterThan(0.05);
  });

  it("turn around with the baseline", () => {
    const results = simulateComparison(SLOWED, { seed: 2 });
    const [there, back] = ["left", "right"].map((baseline) =>
      throughputOf(compareResults(results, { baseline }).rows),
    );
    expect(there).toMatchObject({ verdict: "slower", target: "right" });
    expect(back).toMatchObject({ verdict: "faster", target: "left" });
    expect((there?.ratio ?? 0) * (back?.ratio ?? 0)).toBeCloseTo(1, 10);
  });

  it("call less latency faster", () => {
    const p50 = rowsFor(SLOWED, 4).find(({ metric }) => metric === "p50");
    expect(p50).toMatchObject({ verdict: "slower", n: 120 });
    expect(p50?.ratio).toBeGreaterThan(1.03);
  });

  it("need ten pairs", () => {
    const results = simulateComparison(SLOWED, { seed: 1, pairs: 9 });
    const row = throughputOf(compareResults(results).rows);
    expect(row.verdict).toBe("too_few");
    expect(sentenceOf(row)).toMatch(/9 measurements are too few/);
  });

  it("repeat for the same seed", () => {
    expect(rowsFor(SLOWED, 9)).toEqual(rowsFor(SLOWED, 9));
  });
});

describe("several workloads of one comparison", () => {
  it("are corrected together: each is one more to be wrong about", () => {
    const groups = [2, 3, 4].map((seed) => simulateComparison(SLOWED, { seed, pairs: 20 }));
    const together = compareAll(groups).map(({ rows }) => throughputOf(rows));
    const alone = groups.map((group) => throughputOf(compareResults(group).rows));
    together.forEach((row, index) => {
      expect(row.p).toBe(alone[index]?.p);
      expect(row.p_adjusted).toBeGreaterThanOrEqual(alone[index]?.p_adjusted ?? 1);
      expect(row.detectable).toBeGreaterThanOrEqual(alone[index]?.detectable ?? 1);
    });
    const least = (rows: readonly ComparisonRow[]): number =>
      Math.min(...rows.map((row) => row.p_adjusted));
    expect(least(together)).toBeGreaterThan(least(alone));
  });

  // 150 comparisons of 8 workloads gave 3.3 %; 20 of them may have one or two.
  it("of equal servers are seldom called different, however many there are", () => {
    const runs = Array.from({ length: 20 }, (_, run) => run);
    const wrong = runs.filter((run) => {
      const groups = Array.from({ length: 6 }, (_, index) =>
        simulateComparison(EQUAL, { seed: 1000 + run * 8 + index, pairs: 40 }),
      );
      const rows = compareAll(groups).flatMap((each) => each.rows);
      return rows.some(({ verdict }) => verdict !== "no_difference_shown");
    });
    expect(wrong.length).toBeLessThanOrEqual(2);
  });

  it("at a rate are compared by latency alone", () => {
    const open = simulateComparison(SLOWED, { seed: 1 }).map((each) => ({
      ...each,
      config: { ...each.config, loop: "open" as const, rate: 1000 },
    }));
    const metrics = new Set(compareResults(open).rows.map(({ metric }) => metric));
    expect(metrics.has("throughput")).toBe(false);
    expect(metrics.has("p50")).toBe(true);
  });

  it("do not count failed operations as throughput, nor twice", () => {
    const failing = simulateComparison(EQUAL, { seed: 6 }).map((each, index) => ({
      ...each,
      stats: {
        ...each.stats,
        slices: each.stats.slices.map((slice) => ({ ...slice, errors: index === 1 ? 5000 : 0 })),
      },
    }));
    const clean = simulateComparison(EQUAL, { seed: 6 });
    expect(throughputOf(compareResults(failing).rows).ratio).toBe(
      throughputOf(compareResults(clean).rows).ratio,
    );
  });
});

describe("results of separate runs", () => {
  const series = (ops: number): BenchResult["stats"]["timeseries"] =>
    Array.from({ length: 20 }, (_, index) => ({
      t_s: index + 1,
      ops: ops * (1 + 0.01 * ((index * 7) % 5)),
      errors: 0,
      p50_ms: null,
      p99_ms: null,
      max_ms: null,
      client_cpu: null,
      client_loop_delay_ms: null,
      server_cpu: null,
    }));
  const made = (name: string, ops: number) =>
    madeResult({ name, commands: [{ label: "GET", latenciesUs: [] }], timeseries: series(ops) });

  it("need a larger difference, because they share no noise", () => {
    const [near] = compareResults([made("a", 1000), made("b", 1080)]).rows;
    expect(near).toMatchObject({ is_paired: false, verdict: "no_difference_shown", won: null });
    expect(near?.low).toBeGreaterThan(1);
    const [far] = compareResults([made("a", 1000), made("b", 1200)]).rows;
    expect(far).toMatchObject({ verdict: "faster", test: "rank-sum" });
  });

  it("are refused where they measured different things", () => {
    const other = made("b", 1000);
    const changed = { ...other, config: { ...other.config, workload_sha256: "1".repeat(64) } };
    const compare = (...results: readonly BenchResult[]) => {
      return () => compareResults(results);
    };
    expect(compare(made("a", 1), changed)).toThrow(/workloads differ/);
    expect(compare(made("a", 1))).toThrow(/1 result/);
    expect(compare(made("a", 1), made("a", 1))).toThrow(/two results bear the name a/);
    expect(() => compareResults([made("a", 1), other], { baseline: "c" })).toThrow(
      /there are a, b/,
    );
  });
});

describe("a sentence", () => {
  it("says how much, on what grounds, and against what noise", () => {
    const sentence = sentenceOf(throughputOf(rowsFor(SLOWED, 2)));
    expect(sentence).toMatch(
      /^right has \d\.\d % lower throughput than left \(ratio 0\.9\d\d, 95 % interval .* 120 pairs, better in \d+; equal servers differed by up to \d\.\d %\): slower\.$/,
    );
  });

  it("says what would have been found where nothing was", () => {
    expect(sentenceOf(throughputOf(rowsFor(EQUAL, 2)))).toMatch(
      /^No difference in throughput between right and left that this run can show .* found nine times in ten\.$/,
    );
  });
});
