/**
 * Brings records in by itself and remembers where to resume: what `sources` in the project names.
 */
import { type Clock, systemClock } from "../core/clock.ts";
import { type Ingest } from "../ingest/ingest.ts";
import { type Plan } from "../plan/plan.ts";
import { FileSource } from "./file-source.ts";

export interface SourceStatus {
  readonly name: string;
  readonly kind: "files";
  readonly into: string;
  readonly path: string;
  readonly state: "watching" | "reading" | "waiting" | "stopped";
  /** The file that is being read. */
  readonly current: string | null;
  /** Files that match and are not read to their end. */
  readonly filesWaiting: number;
  /** What is left of them, as it lies on disk. */
  readonly waitingBytes: number;
  readonly filesDone: number;
  /** Since the start of the process, like `rows`. */
  readonly filesRejected: number;
  readonly rows: number;
  readonly lastProblem: {
    readonly path: string | null;
    readonly reason: string;
    readonly at: string;
  } | null;
}

/** Disposing waits for the rows that are under way. */
export interface Sources extends AsyncDisposable {
  status(): readonly SourceStatus[];
}

export interface SourcesDeps {
  readonly ingest: Ingest;
  /** The project's folder, absolute. */
  readonly directory: string;
  readonly clock?: Clock;
  readonly sliceBytes?: number;
}

const SLICE_BYTES = 4 * 1024 * 1024;

export function openSources(plan: Plan, deps: SourcesDeps): Sources {
  const { ingest, directory, clock = systemClock, sliceBytes = SLICE_BYTES } = deps;
  const stop = new AbortController();
  const sources = (plan.sources ?? []).map(
    (source) => new FileSource(source, { ingest, clock, directory, sliceBytes }),
  );
  const running = sources.map((source) => source.run(stop.signal));
  return {
    status: () => sources.map((source) => source.status),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
}
