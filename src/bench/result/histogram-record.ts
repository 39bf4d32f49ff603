/**
 * A latency distribution as it lies in a result file: filled buckets with both of their borders, so
 * that a reader needs no knowledge of the recorder that filled them.
 */
import { z } from "zod";
import { lowestOf, TICKS_PER_MS } from "../histogram/buckets.ts";
import { type LatencyHistogram } from "../histogram/histogram.ts";

/** `[from, to)` in microseconds, and how many latencies lie between. */
const bucket = z.tuple([z.number().min(0), z.number().positive(), z.int().positive()]);

export const histogramRecord = z
  .strictObject({
    count: z.int().min(0),
    min_us: z.number().min(0).nullable(),
    max_us: z.number().min(0).nullable(),
    sum_us: z.number().min(0),
    buckets: z
      .array(bucket.readonly())
      .readonly()
      .describe("[from_us, to_us, count]: half-open, ascending, without overlap, none empty"),
  })
  .meta({
    id: "histogram",
    description: "Latencies of many requests; exact in count, sum and extremes, close in between.",
  });

export type HistogramRecord = Readonly<z.infer<typeof histogramRecord>>;

const US_PER_TICK = 1000 / TICKS_PER_MS;

export function recordOf(histogram: LatencyHistogram): HistogramRecord {
  const buckets: (readonly [number, number, number])[] = [];
  histogram.counts.forEach((count, bucket) => {
    if (count > 0) buckets.push([toUs(lowestOf(bucket)), toUs(lowestOf(bucket + 1)), count]);
  });
  const isEmpty = histogram.count === 0;
  return {
    count: histogram.count,
    min_us: isEmpty ? null : histogram.minMs * 1000,
    max_us: isEmpty ? null : histogram.maxMs * 1000,
    sum_us: histogram.meanMs * 1000 * histogram.count,
    buckets,
  };
}

/** Ticks are tenths of a microsecond, and 0.1 has no exact double: rounding keeps files clean. */
function toUs(ticks: number): number {
  return Math.round(ticks * US_PER_TICK * 10) / 10;
}

/**
 * The latency in microseconds that a share of all requests did not exceed; null without requests.
 * Inside a bucket the answer lies in its middle, and never outside of what was really seen.
 */
export function percentileUs(record: HistogramRecord, share: number): number | null {
  const { count, min_us: min, max_us: max } = record;
  if (count === 0 || min === null || max === null) return null;
  const rank = Math.max(1, Math.ceil(share * count - 1e-9));
  let seen = 0;
  for (const [from, to, inBucket] of record.buckets) {
    seen += inBucket;
    if (seen >= rank) return Math.min(max, Math.max(min, (from + to) / 2));
  }
  return max;
}
