/** What a member of a crew is told, and what it answers: plain data, so that JSON can carry it. */
import { type ErrorCode } from "../../core/error-catalog.ts";
import { type LoadOptions } from "../load/load.ts";
import { type LoadOutcome } from "../load/outcome.ts";
import { type LoadProgress } from "../load/recorder.ts";
import { type Pace } from "../load/run-lanes.ts";

/** Who is told: a thread carries its share alone, an agent may have threads. */
export interface LoadShare {
  readonly load: LoadOptions;
  readonly threads: number;
}

export interface RunOrder {
  readonly pace: Pace;
  /** Null: no end. */
  readonly durationMs: number | null;
  readonly requests: number | null;
  /** Null: the whole run is one interval. */
  readonly intervalMs: number | null;
  readonly drainMs?: number | undefined;
  /** Milliseconds since the epoch, by the member's own clock. */
  readonly startAtMs: number;
}

/** `load` tells the loads of a comparison apart, which stay open side by side. */
export type Order =
  | { readonly kind: "open"; readonly load: number; readonly share: LoadShare }
  | { readonly kind: "run"; readonly load: number; readonly run: RunOrder }
  | { readonly kind: "close"; readonly load: number }
  /** Ends the run that goes on. */
  | { readonly kind: "stop" };

export type Report =
  | { readonly kind: "opened" }
  | { readonly kind: "closed" }
  | { readonly kind: "progress"; readonly progress: LoadProgress }
  | { readonly kind: "finished"; readonly result: CrewResult }
  | Failure;

export interface Failure {
  readonly kind: "failed";
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** What a run came to, whoever carried it. */
export interface CrewResult {
  readonly outcome: LoadOutcome;
  /** By keyspace: one more than the highest key that was made. */
  readonly insertEnds: readonly number[];
  /** Members that went away in the middle, in words; what they did is missing. */
  readonly lost: readonly string[];
}
