/** What happened during one run of the load, in one thread: counts and latencies by operation. */
import { encodeHistogram } from "../histogram/codec.ts";
import { LatencyHistogram } from "../histogram/histogram.ts";

/** One stretch of the run. Times are milliseconds since its start. */
export interface IntervalPoint {
  readonly startMs: number;
  readonly endMs: number;
  readonly operations: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** All latencies of the stretch, as `encodeHistogram` writes them. */
  readonly histogram: string;
  /** Processor time of the process; null where another thread reports it, or nobody. */
  readonly cpuMs: number | null;
  /** The longest that the event loop kept something waiting; null where nobody looked. */
  readonly loopDelayMs: number | null;
}

/** What an interval cost the client. */
export type IntervalEffort = Pick<IntervalPoint, "cpuMs" | "loopDelayMs">;

const UNKNOWN_EFFORT: IntervalEffort = { cpuMs: null, loopDelayMs: null };

/** How far a run is when an interval has ended. Plain data: threads and agents send it. */
export interface LoadProgress {
  readonly point: IntervalPoint;
  /** So far. */
  readonly operations: number;
  readonly errors: number;
}

const MAX_SAMPLES = 10;

export class Recorder {
  readonly operations: readonly string[];
  readonly succeeded: Float64Array;
  readonly failed: Float64Array;
  /** Of replies that are looked into: a list of values, one for each key asked for. */
  readonly elements: Float64Array;
  readonly misses: Float64Array;
  /** From the intended time in an open loop, from sending in a closed one. */
  readonly latencies: readonly LatencyHistogram[];
  /** Open loop alone: from sending, and from the intended time to sending. */
  readonly sinceSent = new LatencyHistogram();
  readonly slip = new LatencyHistogram();
  readonly errors = new Map<string, number>();
  readonly samples: string[] = [];
  readonly points: IntervalPoint[] = [];
  bytesIn = 0;
  bytesOut = 0;
  reconnects = 0;
  /** Commands that a node of a cluster sent to another one. */
  moved = 0;
  asked = 0;
  /** Open loop: due, but never sent. */
  dropped = 0;
  #startedMs = 0;
  #rolledMs = 0;
  readonly #current: readonly LatencyHistogram[];
  #currentErrors = 0;

  constructor(operations: readonly string[]) {
    this.operations = operations;
    this.succeeded = new Float64Array(operations.length);
    this.failed = new Float64Array(operations.length);
    this.elements = new Float64Array(operations.length);
    this.misses = new Float64Array(operations.length);
    this.latencies = operations.map(() => new LatencyHistogram());
    this.#current = operations.map(() => new LatencyHistogram());
  }

  begin(nowMs: number): void {
    this.#startedMs = nowMs;
    this.#rolledMs = nowMs;
  }

  record(operation: number, latencyMs: number, times: number): void {
    this.succeeded[operation] = (this.succeeded[operation] ?? 0) + times;
    this.#current[operation]?.record(latencyMs, times);
  }

  /** `kind` is the first word of an error reply, or one of ours in small letters: `timeout`. */
  fail(operation: number, kind: string, text: string, times = 1): void {
    if (operation >= 0) this.failed[operation] = (this.failed[operation] ?? 0) + times;
    this.#currentErrors += times;
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + times);
    if (this.samples.length < MAX_SAMPLES && !this.samples.includes(text)) this.samples.push(text);
  }

  sentOn(kind: "MOVED" | "ASK"): void {
    if (kind === "MOVED") this.moved += 1;
    else this.asked += 1;
  }

  get errorCount(): number {
    return this.failed.reduce((sum, count) => sum + count, 0);
  }

  get operationCount(): number {
    return this.succeeded.reduce((sum, count) => sum + count, 0);
  }

  /** Ends an interval: its latencies join the total. */
  roll(nowMs: number, effort: IntervalEffort = UNKNOWN_EFFORT): LoadProgress {
    const whole = new LatencyHistogram();
    this.#current.forEach((histogram, index) => {
      whole.merge(histogram);
      this.latencies[index]?.merge(histogram);
      histogram.reset();
    });
    const point: IntervalPoint = {
      startMs: this.#rolledMs - this.#startedMs,
      endMs: nowMs - this.#startedMs,
      operations: whole.count,
      errors: this.#currentErrors,
      p50Ms: whole.quantileMs(0.5),
      p99Ms: whole.quantileMs(0.99),
      maxMs: whole.maxMs,
      histogram: encodeHistogram(whole),
      ...effort,
    };
    this.#currentErrors = 0;
    this.#rolledMs = nowMs;
    if (point.endMs > point.startMs) this.points.push(point);
    return { point, operations: this.operationCount, errors: this.errorCount };
  }
}

/** `OOM`, `WRONGTYPE`, `MOVED`; `ERR` where the text begins otherwise. */
export function errorWord(text: string): string {
  return /^([A-Z][A-Z_]*)\b/.exec(text)?.[1] ?? "ERR";
}
