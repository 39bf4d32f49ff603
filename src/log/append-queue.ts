/** What waits for the disk, in position order, and how much of it there is. */
import { type KurobeError } from "../core/errors.ts";
import { type EncodableEntry } from "./group-encoder.ts";
import { FRAME_HEADER_BYTES } from "./segment-format.ts";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: KurobeError) => void;
}

export interface PendingAppend extends Waiter {
  readonly kind: "append";
  readonly entry: EncodableEntry;
  readonly sizeBytes: number;
}

/** Finishes the segment after all that was queued before it. */
export interface PendingRoll extends Waiter {
  readonly kind: "roll";
  readonly sizeBytes: 0;
}

export type Pending = PendingAppend | PendingRoll;

export class AppendQueue {
  #waiting: Pending[] = [];
  #pendingBytes = 0;
  #pendingEntries = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Of everything that is not settled yet, taken or not. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get pendingEntries(): number {
    return this.#pendingEntries;
  }

  push(what: EncodableEntry | "roll"): Promise<void> {
    const settled = new Promise<void>((resolve, reject) => {
      if (what === "roll") {
        this.#waiting.push({ kind: "roll", sizeBytes: 0, resolve, reject });
        return;
      }
      const sizeBytes = FRAME_HEADER_BYTES + what.fields.length + what.bodyBytes;
      this.#waiting.push({ kind: "append", entry: what, sizeBytes, resolve, reject });
      this.#pendingBytes += sizeBytes;
      this.#pendingEntries += 1;
    });
    // A caller may look at the outcome later than it happens: that must not end the process.
    settled.catch(() => undefined);
    return settled;
  }

  /**
   * A roll by itself, or the appends before the next roll that fit; one that does not goes alone.
   */
  take(limitBytes: number): readonly Pending[] {
    let count = 0;
    let sizeBytes = 0;
    for (const pending of this.#waiting) {
      sizeBytes += pending.sizeBytes;
      if (count > 0 && (pending.kind === "roll" || sizeBytes > limitBytes)) break;
      count += 1;
      if (pending.kind === "roll") break;
    }
    return this.#waiting.splice(0, count);
  }

  takeAll(): readonly Pending[] {
    return this.#waiting.splice(0);
  }

  /** Answers what was taken, in order: with an error, or that it is done. */
  settle(batch: readonly Pending[], error?: KurobeError): void {
    for (const pending of batch) {
      this.#pendingBytes -= pending.sizeBytes;
      this.#pendingEntries -= pending.kind === "append" ? 1 : 0;
      if (error === undefined) pending.resolve();
      else pending.reject(error);
    }
  }
}
