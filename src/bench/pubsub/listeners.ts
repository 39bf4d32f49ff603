/** All subscribers of a run: what they got, how long it took, and what never came. */
import { KurobeError } from "../../core/errors.ts";
import { type LoadOutcome, outcomeOf } from "../load/outcome.ts";
import { Recorder } from "../load/recorder.ts";
import { showTarget, type Target } from "../target/target.ts";
import { channelLists, fanOutOf } from "../workload/pubsub.ts";
import { sinceStampMs } from "../workload/time-stamp.ts";
import { DELIVERY, type Workload } from "../workload/workload.ts";
import { Subscriber } from "./subscriber.ts";

/** Connections that are opened at the same time. */
const AT_ONCE = 64;
const QUIET_MS = 300;
const MAX_WAIT_MS = 5000;

export class Listeners implements AsyncDisposable {
  readonly #subscribers: Subscriber[] = [];
  #recorder = new Recorder([DELIVERY]);
  #received = 0;
  #startMs = 0;
  #lastMs = 0;

  /** The workload's subscribers, on the nodes in turn; undefined where nobody listens. */
  static async open(
    nodes: readonly Target[],
    { audience, prefix }: Workload,
  ): Promise<Listeners | undefined> {
    if (audience === undefined) return undefined;
    const lists = channelLists(prefix, audience);
    const listeners = new Listeners();
    const first = nodes[0];
    if (first === undefined) throw new Error("there is no node to subscribe at");
    try {
      for (let from = 0; from < lists.length; from += AT_ONCE) {
        const some = lists.slice(from, from + AT_ONCE).map((channels, index) => {
          const node = nodes[(from + index) % nodes.length] ?? first;
          return listeners.#add(node, channels).open();
        });
        await Promise.all(some);
      }
      return listeners;
    } catch (cause) {
      await listeners[Symbol.asyncDispose]();
      if (cause instanceof KurobeError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `${showTarget(first)} refuses SUBSCRIBE: ${reason}`;
      throw new KurobeError("KRB_BENCH_WORKLOAD", message, { cause });
    }
  }

  /** From here on messages count. */
  begin(nowMs: number): void {
    this.#recorder = new Recorder([DELIVERY]);
    this.#recorder.begin(nowMs);
    this.#received = 0;
    this.#startMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** What the warm-up sent must not count as the run's. */
  async quiet(): Promise<void> {
    this.#lastMs = performance.now();
    await this.#settle(Number.POSITIVE_INFINITY);
  }

  /** An interval of the run has passed. */
  roll(nowMs: number): void {
    this.#recorder.roll(nowMs);
  }

  /**
   * What the run came to, deliveries included, once everything is there or nothing came for a
   * while: what is then missing is lost. Its intervals and errors are those of the deliveries.
   */
  async heard(outcome: LoadOutcome, { audience }: Workload): Promise<LoadOutcome> {
    const published = outcome.operations.reduce((sum, { succeeded }) => sum + succeeded, 0);
    const expected = audience === undefined ? 0 : published * fanOutOf(audience);
    await this.#settle(expected);
    const endMs = Math.max(this.#lastMs, this.#startMs + outcome.elapsedMs);
    this.#recorder.roll(endMs);
    const lost = Math.max(0, expected - this.#received);
    if (lost > 0) this.#recorder.fail(0, "lost_message", "a message never came", lost);
    const heard = outcomeOf(this.#recorder, {
      ...{ startedAt: outcome.startedAt, endedBy: outcome.endedBy, isOpenLoop: false },
      ...{ elapsedMs: endMs - this.#startMs, client: outcome.client },
    });
    return {
      ...outcome,
      elapsedMs: heard.elapsedMs,
      operations: [...outcome.operations, ...heard.operations],
      errors: { ...outcome.errors, ...heard.errors },
      samples: [...outcome.samples, ...heard.samples].slice(0, 10),
      bytesIn: outcome.bytesIn + heard.bytesIn,
      reconnects: outcome.reconnects + heard.reconnects,
      points: heard.points,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscriber of this.#subscribers) subscriber.close();
    await Promise.resolve();
  }

  async #settle(expected: number): Promise<void> {
    const startMs = performance.now();
    while (this.#received < expected) {
      const nowMs = performance.now();
      const quietMs = nowMs - Math.max(startMs, this.#lastMs);
      if (quietMs > QUIET_MS || nowMs - startMs > MAX_WAIT_MS) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #add(target: Target, channels: readonly string[]): Subscriber {
    const subscriber = new Subscriber(target, channels, {
      received: (stamp, atMs) => {
        this.#received += 1;
        this.#lastMs = atMs;
        if (Number.isNaN(stamp)) this.#recorder.fail(0, "unexpected_message", "no time in it");
        else this.#recorder.record(0, sinceStampMs(stamp, atMs), 1);
      },
      read: (bytes) => (this.#recorder.bytesIn += bytes),
      lost: (reason) => this.#recorder.fail(-1, "subscriber_lost", reason),
      returned: () => (this.#recorder.reconnects += 1),
    });
    this.#subscribers.push(subscriber);
    return subscriber;
  }
}
