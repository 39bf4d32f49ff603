/**
 * Watches one running statement: its time, its reader, its memory, and whether it still listens.
 */
import { type Gate } from "./slots.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";

export interface WatchLimits {
  /** Of computing. Time that the reader takes does not count. */
  readonly timeLimitMs: number;
  /** How long a reader may leave a result lying. */
  readonly maxPauseMs: number;
}

/**
 * A statement that went on for a second after its interrupt; only the end of the process stops it.
 */
export interface StuckStatement {
  readonly text: string;
  readonly elapsedMs: number;
}

type Reason = "timeout" | "memory" | "cancelled" | "stalled";

const STUCK_AFTER_MS = 1_000;

export interface WatchOptions {
  readonly text: string;
  readonly limits: WatchLimits;
  /** A slow reader holds no place in it. */
  readonly gate: Gate;
  readonly signal: AbortSignal | undefined;
  readonly onStuck: (statement: StuckStatement) => void;
  /** Called when it was stopped while nothing was being computed, so that nobody else notices. */
  readonly onStopped: () => void;
}

export class Watch implements Disposable {
  readonly #options: WatchOptions;
  readonly #controller = new AbortController();
  #reason: Reason | undefined;
  #spentMs = 0;
  #startedAt = 0;
  #isComputing = false;
  #isDisposed = false;
  #timer: NodeJS.Timeout | undefined;
  #stuck: NodeJS.Timeout | undefined;
  readonly #onAbort = (): void => this.stop("cancelled");

  constructor(options: WatchOptions) {
    this.#options = options;
    if (options.signal?.aborted === true) this.stop("cancelled");
    else options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Interrupts the statement when it aborts. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(reason: Reason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller.abort();
    if (!this.#isComputing) this.#options.onStopped();
    else if (reason === "memory") this.#expectEnd();
  }

  /** Runs a part of the statement against its time, and says why it ended when it was stopped. */
  async computing<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer);
    this.#isComputing = true;
    await this.#options.gate.enter();
    try {
      return await this.#timed(work);
    } finally {
      this.#options.gate.leave();
      this.#isComputing = false;
      if (!this.#isDisposed) this.#expectReader();
    }
  }

  #expectReader(): void {
    const { maxPauseMs } = this.#options.limits;
    this.#timer = setTimeout(() => this.stop("stalled"), maxPauseMs);
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    if (this.#reason !== undefined) throw this.#failure();
    this.#startedAt = performance.now();
    const left = Math.max(0, this.#options.limits.timeLimitMs - this.#spentMs);
    this.#timer = setTimeout(() => {
      this.stop("timeout");
      this.#expectEnd();
    }, left);
    try {
      return await work();
    } catch (error) {
      if (this.#reason !== undefined && isKurobeError(error, "KRB_DUCKDB_INTERRUPTED")) {
        throw this.#failure(error);
      }
      throw error;
    } finally {
      this.#spentMs += performance.now() - this.#startedAt;
      clearTimeout(this.#timer);
      clearTimeout(this.#stuck);
    }
  }

  #expectEnd(): void {
    clearTimeout(this.#stuck);
    this.#stuck = setTimeout(() => {
      const elapsedMs = Math.round(this.#spentMs + performance.now() - this.#startedAt);
      this.#options.onStuck({ text: this.#options.text, elapsedMs });
    }, STUCK_AFTER_MS);
  }

  #failure(cause?: unknown): KurobeError {
    const { limits } = this.#options;
    switch (this.#reason) {
      case "timeout":
        return new KurobeError(
          "KRB_QUERY_TIMEOUT",
          `the statement ran for more than ${limits.timeLimitMs} ms`,
          { cause },
        );
      case "memory":
        return new KurobeError("KRB_QUERY_MEMORY", "the process ran out of its memory", { cause });
      case "stalled":
        return new KurobeError(
          "KRB_QUERY_STALLED",
          `nobody read the result for ${limits.maxPauseMs} ms`,
          { cause },
        );
      case "cancelled":
      case undefined:
        return new KurobeError("KRB_QUERY_CANCELLED", "the statement was cancelled", { cause });
    }
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#stuck);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

/** DuckDB's own limit leaves out lists and long texts: 200 MB allowed 20 GB. */
export interface MemoryLimit {
  readonly limitBytes: number;
  /** Resident memory of the process. */
  readonly residentBytes: () => number;
}

/** 20 GB in a second is what it has to be faster than. */
const LOOK_EVERY_MS = 25;

/**
 * Stops all running statements when the process grows over its limit: nobody knows whose memory it
 * is.
 */
export class MemoryGuard implements Disposable {
  readonly #limit: MemoryLimit;
  readonly #watches = new Set<Watch>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: MemoryLimit) {
    this.#limit = limit;
  }

  add(watch: Watch): void {
    this.#watches.add(watch);
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  remove(watch: Watch): void {
    this.#watches.delete(watch);
    if (this.#watches.size === 0) this[Symbol.dispose]();
  }

  #look(): void {
    if (this.#limit.residentBytes() <= this.#limit.limitBytes) return;
    for (const watch of this.#watches) watch.stop("memory");
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
