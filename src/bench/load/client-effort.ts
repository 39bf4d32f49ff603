/** What the load costs the machine that makes it: when the client is the limit, results say so. */
import { type EventLoopUtilization, performance, PerformanceObserver } from "node:perf_hooks";
import { type ClientEffort } from "./outcome.ts";

export class EffortMeter {
  readonly #isProcessMeasured: boolean;
  readonly #cpu = process.cpuUsage();
  readonly #loop: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #observer: PerformanceObserver;
  #gcMs = 0;

  /** Of several threads in one process, one alone reports the processor time of all. */
  constructor({ isProcessMeasured }: { readonly isProcessMeasured: boolean }) {
    this.#isProcessMeasured = isProcessMeasured;
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.#gcMs += duration;
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  finish(): ClientEffort {
    this.#observer.disconnect();
    const { user, system } = process.cpuUsage(this.#cpu);
    const { utilization } = performance.eventLoopUtilization(this.#loop);
    const cpuMs = this.#isProcessMeasured ? (user + system) / 1000 : 0;
    return { cpuMs, utilization, gcMs: this.#gcMs };
  }
}
