/** One measurement from the first connection to the result: fill, warm up, measure, clean up. */
import { type Agents } from "../crew/agents-crew.ts";
import { type LoadProgress } from "../load/recorder.ts";
import { type BenchResult } from "../result/result.ts";
import { intervalMsFor, type RunPlan } from "./run-plan.ts";
import { Stand } from "./stand.ts";

export type MeasureStep =
  | { readonly kind: "filling"; readonly done: number; readonly total: number }
  | { readonly kind: "warming" }
  | {
      readonly kind: "measuring";
      /** From 0 to 1. */
      readonly share: number;
      readonly perSecond: number;
      readonly p99Ms: number;
      readonly errors: number;
    }
  | { readonly kind: "cleaning" };

export interface MeasureOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (step: MeasureStep) => void;
  /** How the server is bound to processors, where we know. */
  readonly pinning?: string | null;
  /** Who carries the load instead of this process; they stay the caller's. */
  readonly agents?: Agents | undefined;
}

/**
 * Interrupted, it gives the partial result. Throws what target or workload are refused for; errors
 * of single operations are part of the result.
 */
export async function measure(plan: RunPlan, options: MeasureOptions = {}): Promise<BenchResult> {
  const { signal, onStep, pinning = null, agents } = options;
  const onFill = (done: number, total: number): void => onStep?.({ kind: "filling", done, total });
  await using stand = await Stand.open(plan, { signal, onFill, pinning, agents });
  const shared = { pace: plan.pace, intervalMs: intervalMsFor(plan.durationMs), signal };
  if (plan.warmupMs > 0) {
    onStep?.({ kind: "warming" });
    const { warmupMs } = plan;
    await stand.warmUp({ ...shared, durationMs: warmupMs, requests: Number.POSITIVE_INFINITY });
  }
  const run = await stand.run({
    ...shared,
    durationMs: plan.durationMs,
    requests: plan.requests,
    onInterval: (progress) => onStep?.(stepOf(progress, plan)),
  });
  if (plan.isCleaned) {
    onStep?.({ kind: "cleaning" });
    await stand.clean();
  }
  return stand.describe(run);
}

export function stepOf(
  { point, operations, errors }: LoadProgress,
  { durationMs, requests }: Pick<RunPlan, "durationMs" | "requests">,
): Extract<MeasureStep, { readonly kind: "measuring" }> {
  const isTimed = Number.isFinite(durationMs);
  return {
    kind: "measuring",
    share: isTimed ? point.endMs / durationMs : (operations + errors) / requests,
    perSecond: (point.operations / Math.max(1, point.endMs - point.startMs)) * 1000,
    p99Ms: point.p99Ms,
    errors,
  };
}
