/** As fast as it goes: each connection sends its next batch when it has its last one's replies. */
import { type Lane, type Pacer } from "./lane.ts";

export interface ClosedLoopOptions {
  readonly lanes: readonly Lane[];
  readonly depth: number;
  /** From the start; nothing is sent after it. */
  readonly durationMs: number;
  /** Operations to send in all. */
  readonly budget: number;
  readonly onLost: (lane: Lane) => void;
  readonly onMoved: () => void;
  readonly onIdle: () => void;
}

export class ClosedLoop implements Pacer {
  readonly #options: ClosedLoopOptions;
  #left: number;
  #deadlineMs = 0;
  #isStopped = false;

  constructor(options: ClosedLoopOptions) {
    this.#options = options;
    this.#left = options.budget;
  }

  get sent(): number {
    return this.#options.budget - this.#left;
  }

  get isDone(): boolean {
    return this.#isStopped || this.#left <= 0;
  }

  start(nowMs: number): void {
    this.#deadlineMs = nowMs + this.#options.durationMs;
    for (const lane of this.#options.lanes) if (lane.isConnected) this.ready(lane, nowMs);
  }

  /** Nothing new is sent; what is in flight comes home. */
  stop(): void {
    this.#isStopped = true;
    this.#options.onIdle();
  }

  ready(lane: Lane, nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.#isStopped = true;
    if (this.#isStopped || this.#left <= 0) {
      this.#options.onIdle();
      return;
    }
    const count = Math.min(this.#options.depth, this.#left);
    this.#left -= count;
    lane.send(count, nowMs);
  }

  lost(lane: Lane): void {
    this.#options.onLost(lane);
  }

  moved(): void {
    this.#options.onMoved();
  }

  /** Nothing is due at a time of its own. */
  catchUp(): void {
    return;
  }

  /** Nothing waits to be sent that was due. */
  get waiting(): number {
    return 0;
  }
}
