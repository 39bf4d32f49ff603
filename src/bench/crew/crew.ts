/**
 * Who carries a load: this thread alone, several threads, or agents on several machines. They start
 * together, and what they measured becomes one outcome.
 */
import { type Load, type RunOptions } from "../load/load.ts";
import { type CrewResult } from "./orders.ts";

export interface CrewRun extends RunOptions {
  /** Milliseconds since the epoch; at once where it is missing. */
  readonly startAtMs?: number | undefined;
}

export interface Crew extends AsyncDisposable {
  /** Interrupted, it gives what there is. Throws what a member fails with. */
  run(options: CrewRun): Promise<CrewResult>;
}

/** This thread alone; closing it closes the load. */
export function soloCrew(load: Load): Crew {
  return {
    async run({ startAtMs = 0, ...options }) {
      await until(startAtMs, options.signal);
      const outcome = await load.run(options);
      return { outcome, insertEnds: load.inserts.map(({ end }) => end), lost: [] };
    },
    [Symbol.asyncDispose]: async () => load[Symbol.asyncDispose](),
  };
}

async function until(epochMs: number, signal: AbortSignal | undefined): Promise<void> {
  const waitMs = epochMs - Date.now();
  if (waitMs <= 0 || signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    signal?.addEventListener("abort", done);
  });
}
