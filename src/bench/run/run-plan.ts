/** Everything that one measurement needs to know, as plain data: threads and agents get it, too. */
import { type Pace } from "../load/run-lanes.ts";
import { type Target } from "../target/target.ts";
import { type Workload } from "../workload/workload.ts";

export interface RunPlan {
  readonly target: Target;
  readonly workload: Workload;
  /** `kv`, `structures`, `ycsb`, `custom`: what result files and reports group by. */
  readonly kind: string;
  /** Structure and size that the workload's operations belong to, by operation; for reports. */
  readonly labels: Readonly<Record<string, OperationLabel>>;
  readonly connections: number;
  readonly depth: number;
  readonly workers: number;
  readonly pace: Pace;
  /** Milliseconds; infinite where a number of requests is asked for. */
  readonly durationMs: number;
  readonly requests: number;
  readonly warmupMs: number;
  readonly timeoutMs: number;
  readonly seed: number;
  /** False where the keys are there already. */
  readonly isFilled: boolean;
  /** False leaves the keys for a later run. */
  readonly isCleaned: boolean;
}

export interface OperationLabel {
  readonly structure: string;
  readonly size: number;
}

/** Ten points of the course of a short run, one a second of a long one. */
export function intervalMsFor(durationMs: number): number {
  return Number.isFinite(durationMs) ? Math.min(1000, Math.max(100, durationMs / 10)) : 1000;
}
