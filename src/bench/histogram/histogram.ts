/**
 * Keeps every latency of a run in 30 KB: counts by bucket, with exact count, mean, minimum and
 * maximum beside them. Histograms of connections, threads and machines are merged by adding;
 * percentiles are never averaged.
 */
import { BUCKET_COUNT, bucketOf, lowestOf, MAX_TICKS, middleOf, TICKS_PER_MS } from "./buckets.ts";

/** Milliseconds. A percentile is null where too few values lie beyond it to say. */
export interface LatencySummary {
  readonly n: number;
  readonly mean: number | null;
  readonly stdev: number | null;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p99_9: number | null;
  readonly p99_99: number | null;
  readonly max: number | null;
}

/** A percentile p needs this many values beyond it: 10,000 values for p99.9. */
export const LEAST_BEYOND = 10;

export class LatencyHistogram {
  /** Counts by bucket; read-only outside this class and its codec. */
  readonly counts = new Float64Array(BUCKET_COUNT);
  #count = 0;
  #sumTicks = 0;
  #squares = 0;
  #minTicks = Number.POSITIVE_INFINITY;
  #maxTicks = 0;

  get count(): number {
    return this.#count;
  }

  get minMs(): number {
    return this.#count === 0 ? 0 : this.#minTicks / TICKS_PER_MS;
  }

  get maxMs(): number {
    return this.#maxTicks / TICKS_PER_MS;
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumTicks / this.#count / TICKS_PER_MS;
  }

  get stdevMs(): number {
    if (this.#count < 2) return 0;
    const mean = this.#sumTicks / this.#count;
    return Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean)) / TICKS_PER_MS;
  }

  /** Adds one latency `times` times: the replies that one read brought. Below 0 counts as 0. */
  record(latencyMs: number, times = 1): void {
    // `| 0` would wrap a stall of four minutes into the past.
    const exact = latencyMs > 0 ? latencyMs * TICKS_PER_MS : 0;
    const ticks = exact < MAX_TICKS ? (exact + 0.5) | 0 : MAX_TICKS;
    const bucket = bucketOf(ticks);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + times;
    this.#count += times;
    this.#sumTicks += exact * times;
    this.#squares += exact * exact * times;
    if (exact < this.#minTicks) this.#minTicks = exact;
    if (exact > this.#maxTicks) this.#maxTicks = exact;
  }

  /** Adds all of another one. */
  merge(other: LatencyHistogram): void {
    if (other.#count === 0) return;
    const { counts } = this;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const count = other.counts[bucket] ?? 0;
      if (count > 0) counts[bucket] = (counts[bucket] ?? 0) + count;
    }
    this.#count += other.#count;
    this.#sumTicks += other.#sumTicks;
    this.#squares += other.#squares;
    this.#minTicks = Math.min(this.#minTicks, other.#minTicks);
    this.#maxTicks = Math.max(this.#maxTicks, other.#maxTicks);
  }

  reset(): void {
    if (this.#count > 0) this.counts.fill(0);
    this.#count = 0;
    this.#sumTicks = 0;
    this.#squares = 0;
    this.#minTicks = Number.POSITIVE_INFINITY;
    this.#maxTicks = 0;
  }

  /**
   * Milliseconds at a share from 0 to 1: the smallest value that at least this share of all values
   * does not exceed, within 0.4 %. 0 for an empty histogram.
   */
  quantileMs(share: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.#count - 1e-9));
    if (rank >= this.#count) return this.maxMs;
    let seen = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      seen += this.counts[bucket] ?? 0;
      if (seen >= rank) return this.#within(middleOf(bucket)) / TICKS_PER_MS;
    }
    return this.maxMs;
  }

  /** Values above a latency, the bucket that it lies in not included. */
  countAbove(latencyMs: number): number {
    const from = bucketOf(Math.min(MAX_TICKS, Math.round(latencyMs * TICKS_PER_MS))) + 1;
    let count = 0;
    for (let bucket = from; bucket < BUCKET_COUNT; bucket++) count += this.counts[bucket] ?? 0;
    return count;
  }

  summary(): LatencySummary {
    const isEmpty = this.#count === 0;
    const at = (share: number): number | null => {
      const beyond = this.#count * (1 - share);
      return isEmpty || (share > 0.5 && beyond < LEAST_BEYOND - 1e-6)
        ? null
        : rounded(this.quantileMs(share));
    };
    return {
      n: this.#count,
      mean: isEmpty ? null : rounded(this.meanMs),
      stdev: isEmpty ? null : rounded(this.stdevMs),
      min: isEmpty ? null : rounded(this.minMs),
      p50: at(0.5),
      p90: at(0.9),
      p95: at(0.95),
      p99: at(0.99),
      p99_9: at(0.999),
      p99_99: at(0.9999),
      max: isEmpty ? null : rounded(this.maxMs),
    };
  }

  /** Non-empty buckets, lowest first, as `[lowest value in ms, count]`. */
  *buckets(): Generator<readonly [number, number]> {
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const count = this.counts[bucket] ?? 0;
      if (count > 0) yield [lowestOf(bucket) / TICKS_PER_MS, count];
    }
  }

  /** What the codec writes beside the counts: sum, sum of squares, minimum, maximum, in ticks. */
  moments(): readonly [number, number, number, number] {
    return [this.#sumTicks, this.#squares, this.#count === 0 ? 0 : this.#minTicks, this.#maxTicks];
  }

  /** For the codec alone: counts by bucket and `moments()` of the histogram that was written. */
  static restore(
    entries: Iterable<readonly [number, number]>,
    [sumTicks, squares, minTicks, maxTicks]: readonly [number, number, number, number],
  ): LatencyHistogram {
    const restored = new LatencyHistogram();
    for (const [bucket, count] of entries) {
      restored.counts[bucket] = count;
      restored.#count += count;
    }
    if (restored.#count === 0) return restored;
    restored.#sumTicks = sumTicks;
    restored.#squares = squares;
    restored.#minTicks = minTicks;
    restored.#maxTicks = maxTicks;
    return restored;
  }

  /** The middle of the lowest and of the highest bucket may lie outside what was recorded. */
  #within(ticks: number): number {
    return Math.min(this.#maxTicks, Math.max(this.#minTicks, ticks));
  }
}

/** A tenth of a microsecond is the resolution; more digits would be noise. */
function rounded(ms: number): number {
  return Math.round(ms * TICKS_PER_MS) / TICKS_PER_MS;
}
