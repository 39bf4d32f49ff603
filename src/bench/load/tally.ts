/**
 * Judges replies, and keeps those of one read until their common latency is known. All connections
 * of a run share it: what every read touches then stays in the processor's cache.
 */
import { ReplyKind } from "../resp/reply-counter.ts";
import { type CompiledOperation } from "../workload/compile.ts";
import { type Recorder } from "./recorder.ts";

export class Tally {
  readonly #recorder: Recorder;
  readonly #expect: Uint8Array;
  readonly #missOn: Uint8Array;
  readonly #counts: Uint32Array;
  #total = 0;
  #operation = -1;
  #isMixed = false;
  /** Of the list that is judged next. */
  #elements = 0;
  #nulls = 0;
  #zeros = 0;

  constructor(operations: readonly CompiledOperation[], recorder: Recorder) {
    this.#recorder = recorder;
    this.#expect = Uint8Array.from(operations, ({ expect }) => expect);
    this.#missOn = Uint8Array.from(operations, ({ missOn }) => missOn);
    this.#counts = new Uint32Array(operations.length);
  }

  /** What is in the list that `accepts` is asked about next. */
  look(elements: number, nulls: number, zeros: number): void {
    this.#elements = elements;
    this.#nulls = nulls;
    this.#zeros = zeros;
  }

  /** Whether so many replies are of a kind that the operation has; counts misses and failures. */
  accepts(operation: number, kind: number, times: number): boolean {
    if (((this.#expect[operation] ?? 0) & kind) === 0) {
      this.#recorder.fail(operation, "unexpected_reply", describe(kind), times);
      return false;
    }
    const missing = (this.#missOn[operation] ?? 0) & kind;
    if (missing !== 0) this.#miss(operation, missing, times);
    return true;
  }

  #miss(operation: number, missing: number, times: number): void {
    const { elements, misses } = this.#recorder;
    if (missing !== ReplyKind.list) {
      misses[operation] = (misses[operation] ?? 0) + times;
      return;
    }
    // Each element stands for one key that was asked for.
    const isFlags = ((this.#missOn[operation] ?? 0) & ReplyKind.integer) !== 0;
    elements[operation] = (elements[operation] ?? 0) + this.#elements;
    misses[operation] = (misses[operation] ?? 0) + (isFlags ? this.#zeros : this.#nulls);
  }

  /** Operations that the read brought home. */
  add(operation: number, times: number): void {
    if (operation !== this.#operation) {
      if (this.#total > 0) this.#isMixed = true;
      this.#operation = operation;
    }
    this.#counts[operation] = (this.#counts[operation] ?? 0) + times;
    this.#total += times;
  }

  /** Ends the read: what was added took this long. */
  settle(latencyMs: number): void {
    if (this.#total === 0) return;
    const counts = this.#counts;
    if (this.#isMixed) {
      for (let operation = 0; operation < counts.length; operation++) {
        const times = counts[operation] ?? 0;
        if (times > 0) this.#recorder.record(operation, latencyMs, times);
        counts[operation] = 0;
      }
      this.#isMixed = false;
    } else {
      this.#recorder.record(this.#operation, latencyMs, this.#total);
      counts[this.#operation] = 0;
    }
    this.#total = 0;
  }
}

function describe(kind: number): string {
  const names = ["status", "integer", "text", "nil", "list", "empty list", "number", "error"];
  return `a reply of another kind than expected: ${names[Math.log2(kind)] ?? "none"}`;
}
