/** What the load costs the machine that makes it: when the client is the limit, results say so. */
import { type EventLoopUtilization, performance, PerformanceObserver } from "node:perf_hooks";
import { type ClientEffort } from "./outcome.ts";

export class EffortMeter {
  readonly #cpu = process.cpuUsage();
  readonly #loop: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #observer: PerformanceObserver;
  #gcMs = 0;

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.#gcMs += duration;
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  finish(): ClientEffort {
    this.#observer.disconnect();
    const { user, system } = process.cpuUsage(this.#cpu);
    const { utilization } = performance.eventLoopUtilization(this.#loop);
    return { cpuMs: (user + system) / 1000, utilization, gcMs: this.#gcMs };
  }
}
