import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BUCKET_COUNT, bucketOf, lowestOf, MAX_TICKS } from "./buckets.ts";
import { decodeHistogram, encodeHistogram } from "./codec.ts";
import { LatencyHistogram } from "./histogram.ts";

/** Spread over nine decades, as latencies are. */
const latency = fc
  .double({ min: -4, max: 5, noNaN: true })
  .map((exponent) => Math.round(10 ** exponent * 10_000) / 10_000);
const latencies = fc.array(latency, { minLength: 1, maxLength: 400 });

function filled(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe("buckets", () => {
  it("follow each other without a gap up to the highest value", () => {
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      expect(bucketOf(lowestOf(bucket))).toBe(bucket);
      expect(bucketOf(Math.min(MAX_TICKS, lowestOf(bucket + 1) - 1))).toBe(bucket);
    }
  });

  it("are at most 1/128 of their value wide", () => {
    for (let bucket = 256; bucket < BUCKET_COUNT; bucket++) {
      const width = lowestOf(bucket + 1) - lowestOf(bucket);
      expect(width / lowestOf(bucket)).toBeLessThanOrEqual(1 / 128);
    }
  });
});

describe("LatencyHistogram", () => {
  it("gives percentiles within 1 % of an exact sort", () => {
    fc.assert(
      fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const sorted = values.toSorted((a, b) => a - b);
        const rank = Math.max(1, Math.ceil(share * sorted.length - 1e-9));
        const exact = sorted[rank - 1] ?? 0;
        expect(Math.abs(filled(values).quantileMs(share) - exact)).toBeLessThanOrEqual(
          Math.max(exact * 0.01, 0.000_05),
        );
      }),
    );
  });

  it("keeps count, mean, minimum and maximum exactly", () => {
    fc.assert(
      fc.property(latencies, (values) => {
        const histogram = filled(values);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        expect(histogram.count).toBe(values.length);
        expect(histogram.meanMs).toBeCloseTo(mean, 6);
        expect(histogram.minMs).toBeCloseTo(Math.min(...values), 9);
        expect(histogram.maxMs).toBeCloseTo(Math.max(...values), 9);
      }),
    );
  });

  it("holds the same after a merge as if everything had been recorded in one", () => {
    fc.assert(
      fc.property(latencies, latencies, (left, right) => {
        const merged = filled(left);
        merged.merge(filled(right));
        expect([...merged.buckets()]).toEqual([...filled([...left, ...right]).buckets()]);
        expect(merged.maxMs).toBe(filled([...left, ...right]).maxMs);
      }),
    );
  });

  it("counts a value many times as it counts many values", () => {
    const once = new LatencyHistogram();
    once.record(1.5, 1000);
    expect([...once.buckets()]).toEqual([...filled(Array(1000).fill(1.5)).buckets()]);
  });

  it("does not wrap a stall of ten minutes", () => {
    const histogram = filled([1, 600_000]);
    expect(histogram.maxMs).toBe(600_000);
    expect(histogram.quantileMs(1)).toBe(600_000);
    expect(histogram.countAbove(1000)).toBe(1);
  });

  it("says null where too few values lie beyond a percentile", () => {
    const few = filled(Array.from({ length: 999 }, (_, index) => index));
    expect(few.summary()).toMatchObject({ n: 999, p99: null, p99_9: null });
    few.record(1000);
    expect(few.summary().p99).toBeCloseTo(989, -1);
    expect(new LatencyHistogram().summary()).toMatchObject({ n: 0, mean: null, p50: null });
  });

  it("is empty after a reset", () => {
    const histogram = filled([1, 2, 3]);
    histogram.reset();
    expect(histogram.summary()).toEqual(new LatencyHistogram().summary());
  });
});

describe("the text of a histogram", () => {
  it("reads back as it was", () => {
    fc.assert(
      fc.property(latencies, fc.integer({ min: 1, max: 1e12 }), (values, times) => {
        const histogram = filled(values);
        histogram.record(3.25, times);
        const back = decodeHistogram(encodeHistogram(histogram));
        expect(back.summary()).toEqual(histogram.summary());
        expect([...back.buckets()]).toEqual([...histogram.buckets()]);
      }),
    );
  });

  it("may be empty, and merging the empty one changes nothing", () => {
    const histogram = filled([2]);
    histogram.merge(decodeHistogram(encodeHistogram(new LatencyHistogram())));
    expect(histogram.minMs).toBe(2);
  });

  it.each(["", "AQ", "////", encodeHistogram(filled([5])).slice(0, -4)])(
    "is refused when it is something else: %j",
    (text) => {
      expect(() => decodeHistogram(text)).toThrow("cannot be read");
    },
  );
});
