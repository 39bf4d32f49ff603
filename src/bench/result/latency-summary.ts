/** The figures of a latency distribution; those that too few requests stand behind are left out. */
import { z } from "zod";
import { LEAST_BEYOND, type LatencyHistogram } from "../histogram/histogram.ts";

const figure = z.number().min(0).nullable();

export const latencySummary = z
  .strictObject({
    from: z
      .enum(["intended", "send"])
      .describe(
        "Where a latency starts: when the request was due (nothing is hidden by a stall), or when it was sent.",
      ),
    n: z.int().min(0),
    mean: figure,
    stdev: figure,
    min: figure,
    p50: figure,
    p90: figure,
    p95: figure,
    p99: figure,
    p99_9: figure,
    p99_99: figure,
    max: figure,
    missing: z.record(z.string(), z.string()).describe("Why a figure above is null, by its name."),
  })
  .meta({ id: "latencySummary" });

/** Milliseconds. */
type LatencySummary = Readonly<z.infer<typeof latencySummary>>;

/** Percentiles by their name in result files, as shares. */
export const PERCENTILES = {
  p50: 0.5,
  p90: 0.9,
  p95: 0.95,
  p99: 0.99,
  p99_9: 0.999,
  p99_99: 0.9999,
} as const;

type PercentileName = keyof typeof PERCENTILES;

/** The summary of a histogram, with the reason beside each figure that it cannot give. */
export function describeLatency(
  histogram: LatencyHistogram,
  from: LatencySummary["from"],
): LatencySummary {
  const summary = histogram.summary();
  const missing: Record<string, string> = {};
  for (const [name, value] of Object.entries(summary)) {
    if (value === null) missing[name] = reasonFor(name, histogram.count);
  }
  return { from, ...summary, missing };
}

function reasonFor(name: string, count: number): string {
  if (count === 0 || !Object.hasOwn(PERCENTILES, name)) return "there were no requests";
  const needed = Math.round(LEAST_BEYOND / (1 - PERCENTILES[name as PercentileName]));
  return `needs ${needed} requests, there were ${count}`;
}
