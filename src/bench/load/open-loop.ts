/**
 * At a rate, whatever the server does: operations are due at times that are fixed beforehand, and
 * their latency counts from then. A server that stalls makes them wait, and the wait is measured.
 */
import { type Random } from "../workload/random.ts";
import { type Lane, type Pacer } from "./lane.ts";
import { type Recorder } from "./recorder.ts";

export interface OpenLoopOptions {
  readonly lanes: readonly Lane[];
  /** Operations that may go out in one write, when more are due than connections are free. */
  readonly depth: number;
  readonly perSecond: number;
  readonly arrival: "constant" | "poisson";
  readonly firstMs?: number;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly durationMs: number;
  readonly budget: number;
  readonly onLost: (lane: Lane) => void;
  readonly onMoved: () => void;
  readonly onIdle: () => void;
}

/** A timer is late by up to a millisecond; nearer than this we poll instead. */
const POLL_MS = 1.5;
const FIRST_QUEUE = 1024;
const MAX_QUEUE = 4_194_304;

export class OpenLoop implements Pacer {
  readonly #options: OpenLoopOptions;
  readonly #gapMs: number;
  readonly #firstMs: number;
  /** Due times of what waits for a connection: a ring. */
  #queue = new Float64Array(FIRST_QUEUE);
  #first = 0;
  #queued = 0;
  readonly #free: Lane[] = [];
  readonly #intended = new Map<Lane, Float64Array>();
  /** Since the start: a sum of clock readings would lose an operation to rounding. */
  #nextMs = 0;
  #startedMs = 0;
  #arrivals = 0;
  #sent = 0;
  #isStopped = false;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#gapMs = 1000 / options.perSecond;
    this.#firstMs = options.firstMs ?? 0;
    this.#nextMs = this.#firstMs;
    for (const lane of options.lanes) this.#intended.set(lane, new Float64Array(options.depth));
  }

  get sent(): number {
    return this.#sent;
  }

  /** No arrivals come any more, and none waits. */
  get isDone(): boolean {
    return this.#isStopped && this.#queued === 0;
  }

  get waiting(): number {
    return this.#queued;
  }

  start(nowMs: number): void {
    this.#startedMs = nowMs;
    for (const lane of this.#options.lanes) if (lane.isConnected) this.#free.push(lane);
    this.#tick();
  }

  /** What became due while the event loop was held up waits from then on. */
  catchUp(nowMs: number): void {
    this.#arrive(nowMs);
    this.#dispatch(nowMs);
  }

  /** Nothing more is due; what waits is dropped, and counted. */
  stop(): void {
    this.#arrive(performance.now());
    this.#isStopped = true;
    this.#options.recorder.dropped += this.#queued;
    this.#queued = 0;
    this.#options.onIdle();
  }

  ready(lane: Lane, nowMs: number): void {
    this.#free.push(lane);
    this.#arrive(nowMs);
    this.#dispatch(nowMs);
    if (this.isDone) this.#options.onIdle();
  }

  lost(lane: Lane): void {
    const place = this.#free.indexOf(lane);
    if (place >= 0) this.#free.splice(place, 1);
    this.#options.onLost(lane);
  }

  moved(): void {
    this.#options.onMoved();
  }

  readonly #tick = (): void => {
    const nowMs = performance.now();
    this.#arrive(nowMs);
    this.#dispatch(nowMs);
    if (this.isDone) {
      this.#options.onIdle();
      return;
    }
    // After the last arrival the connections themselves take what waits.
    if (this.#isStopped) return;
    const waitMs = this.#startedMs + this.#nextMs - performance.now();
    if (waitMs > POLL_MS) setTimeout(this.#tick, Math.floor(waitMs - 1));
    else setImmediate(this.#tick);
  };

  #arrive(nowMs: number): void {
    const { durationMs, budget } = this.#options;
    while (!this.#isStopped && this.#startedMs + this.#nextMs <= nowMs) {
      if (this.#nextMs >= durationMs || this.#arrivals >= budget) {
        this.#isStopped = true;
        return;
      }
      this.#enqueue(this.#startedMs + this.#nextMs);
      this.#arrivals += 1;
      this.#nextMs = this.#following();
    }
  }

  #following(): number {
    if (this.#options.arrival === "poisson") {
      return this.#nextMs - Math.log(1 - this.#options.random.unit()) * this.#gapMs;
    }
    // Multiplied, not summed up: a million roundings would shift the rate.
    return this.#firstMs + this.#arrivals * this.#gapMs;
  }

  #enqueue(dueMs: number): void {
    const length = this.#queue.length;
    if (this.#queued === length) {
      if (length >= MAX_QUEUE) {
        this.#options.recorder.dropped += 1;
        return;
      }
      const larger = new Float64Array(length * 2);
      for (let index = 0; index < length; index++) {
        larger[index] = this.#queue[(this.#first + index) % length] ?? 0;
      }
      this.#queue = larger;
      this.#first = 0;
    }
    this.#queue[(this.#first + this.#queued) % this.#queue.length] = dueMs;
    this.#queued += 1;
  }

  #dispatch(nowMs: number): void {
    while (this.#queued > 0) {
      const share = Math.ceil(this.#queued / Math.max(1, this.#free.length));
      const lane = this.#free.shift();
      if (lane === undefined) return;
      const intended = this.#intended.get(lane);
      if (intended === undefined) continue;
      const count = Math.min(this.#options.depth, share, this.#queued);
      for (let index = 0; index < count; index++) {
        const dueMs = this.#queue[this.#first] ?? nowMs;
        this.#first = this.#first + 1 === this.#queue.length ? 0 : this.#first + 1;
        intended[index] = dueMs;
        this.#options.recorder.slip.record(nowMs - dueMs);
      }
      this.#queued -= count;
      this.#sent += count;
      lane.send(count, nowMs, intended);
    }
  }
}
