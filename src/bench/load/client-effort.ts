/** What the load costs the machine that makes it: when the client is the limit, results say so. */
import {
  type EventLoopUtilization,
  type IntervalHistogram,
  monitorEventLoopDelay,
  performance,
  PerformanceObserver,
} from "node:perf_hooks";
import { LatencyHistogram } from "../histogram/histogram.ts";
import { type ClientEffort } from "./outcome.ts";
import { type IntervalEffort } from "./recorder.ts";

/** How often the event loop is looked at. */
const LOOK_MS = 5;

export class EffortMeter {
  readonly #isProcessMeasured: boolean;
  readonly #loop: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #observer: PerformanceObserver;
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOK_MS });
  readonly #delays = new LatencyHistogram();
  #cpu = process.cpuUsage();
  #cpuMs = 0;
  #gcMs = 0;

  /** Of several threads in one process, one alone reports the processor time of all. */
  constructor({ isProcessMeasured }: { readonly isProcessMeasured: boolean }) {
    this.#isProcessMeasured = isProcessMeasured;
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.#gcMs += duration;
    });
    this.#observer.observe({ entryTypes: ["gc"] });
    this.#delay.enable();
  }

  /** Since the last call. */
  interval(): IntervalEffort {
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#cpu = process.cpuUsage();
    const cpuMs = (user + system) / 1000;
    this.#cpuMs += cpuMs;
    return { cpuMs: this.#isProcessMeasured ? cpuMs : null, loopDelayMs: this.#takeDelays() };
  }

  finish(): ClientEffort {
    this.interval();
    this.#observer.disconnect();
    this.#delay.disable();
    const { utilization } = performance.eventLoopUtilization(this.#loop);
    return {
      cpuMs: this.#isProcessMeasured ? this.#cpuMs : 0,
      utilization,
      gcMs: this.#gcMs,
      loopDelayP99Ms: this.#delays.quantileMs(0.99),
    };
  }

  /** The longest since the last call; null where the loop was never looked at. */
  #takeDelays(): number | null {
    const { count } = this.#delay;
    if (count === 0) return null;
    // What it keeps are times between two looks, the wanted pause included.
    const late = (ns: number): number => Math.max(0, ns / 1e6 - LOOK_MS);
    let before = 0;
    for (const [share, ns] of this.#delay.percentiles) {
      const upTo = Math.round((count * share) / 100);
      if (upTo > before) this.#delays.record(late(ns), upTo - before);
      before = Math.max(before, upTo);
    }
    const longestMs = late(this.#delay.max);
    this.#delay.reset();
    return longestMs;
  }
}
