/** The far end of a crew: takes orders one after the other, and reports. */
import { isKurobeError } from "../../core/errors.ts";
import { type LoadProgress } from "../load/recorder.ts";
import { type Crew } from "./crew.ts";
import { type Failure, type LoadShare, type Order, type Report, type RunOrder } from "./orders.ts";

export interface MemberOptions {
  /** Opens what carries the share: connections of this thread, or threads. */
  readonly openCrew: (share: LoadShare) => Promise<Crew>;
  readonly report: (report: Report) => void;
}

export class Member implements AsyncDisposable {
  readonly #options: MemberOptions;
  readonly #crews = new Map<number, Crew>();
  #running: AbortController | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  take(order: Order): void {
    if (order.kind === "stop") {
      this.#running?.abort();
      return;
    }
    const running = new AbortController();
    this.#running = running;
    this.#last = this.#last
      .then(() => this.#obey(order, running.signal))
      .catch((error: unknown) => this.#options.report(failureOf(error)));
  }

  /** Whoever gave the orders is gone: ends what runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#running?.abort();
    await this.#last;
    for (const load of [...this.#crews.keys()]) await this.#close(load);
  }

  async #obey(order: Exclude<Order, { kind: "stop" }>, signal: AbortSignal): Promise<void> {
    const { openCrew, report } = this.#options;
    const { load } = order;
    switch (order.kind) {
      case "open":
        await this.#close(load);
        this.#crews.set(load, await openCrew(order.share));
        report({ kind: "opened" });
        return;
      case "close":
        await this.#close(load);
        report({ kind: "closed" });
        return;
      case "run": {
        const crew = this.#crews.get(load);
        if (crew === undefined) throw new Error("a run was ordered before a load");
        const onInterval = (progress: LoadProgress): void => report({ kind: "progress", progress });
        const result = await crew.run({ ...limitsOf(order.run), signal, onInterval });
        report({ kind: "finished", result });
      }
    }
  }

  async #close(load: number): Promise<void> {
    const crew = this.#crews.get(load);
    this.#crews.delete(load);
    await crew?.[Symbol.asyncDispose]();
  }
}

function limitsOf({ durationMs, requests, intervalMs, ...rest }: RunOrder): RunOrder & {
  readonly durationMs: number;
  readonly requests: number;
  readonly intervalMs: number;
} {
  const endless = Number.POSITIVE_INFINITY;
  return {
    ...rest,
    durationMs: durationMs ?? endless,
    requests: requests ?? endless,
    intervalMs: intervalMs ?? endless,
  };
}

function failureOf(error: unknown): Failure {
  if (isKurobeError(error)) {
    const { code, message, hint } = error;
    return { kind: "failed", code, message, hint };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "failed", code: "KRB_CORE_ASSERTION", message, hint: "" };
}
