/**
 * Raises the rate of an open loop until the target no longer keeps up. The knee is the highest rate
 * at which 99 % of what was intended was done and the 99th percentile, from the intended time, was
 * within the limit.
 */
import { type EndedBy } from "../load/outcome.ts";
import { type Pace } from "../load/run-lanes.ts";
import { type BenchResult } from "../result/result.ts";
import { findKnee, type Knee, type KneeSearch, type Probe } from "./find-knee.ts";
import { stepOf, type MeasureOptions, type MeasureStep } from "./measure.ts";
import { intervalMsFor, type RunPlan } from "./run-plan.ts";
import { Stand, type StandRun } from "./stand.ts";

export interface SweepPlan extends KneeSearch {
  readonly maxP99Ms: number;
}

export type SweepStep =
  | Exclude<MeasureStep, { readonly kind: "measuring" }>
  | (Extract<MeasureStep, { readonly kind: "measuring" }> & {
      readonly rate: number;
      /** The highest rate so far that was sustained; 0 for none. */
      readonly bestRate: number;
    })
  | { readonly kind: "stepped"; readonly step: ResultSweepStep };

export type ResultSweepStep = BenchResult["stats"]["sweep"][number];

export interface SweepOptions extends Omit<MeasureOptions, "onStep"> {
  readonly onStep?: (step: SweepStep) => void;
}

interface MeasuredProbe extends Probe {
  readonly run: StandRun;
  readonly pace: Pace;
  readonly step: ResultSweepStep;
  readonly endedBy: EndedBy;
}

const MIN_ACHIEVED = 0.99;
const MAX_ERROR_SHARE = 0.01;
/** Less than this share of a rate is no hiccup. */
const HOPELESS = 0.9;
/** Part of a step that goes before it and counts for nothing. */
const SETTLE_SHARE = 0.2;
const LEAST_DRAIN_MS = 200;

/**
 * The duration of the plan is that of one step, and its pace says how operations arrive. The result
 * is that of the knee, with all steps in it; of the lowest rate where none was sustained.
 */
export async function sweep(
  plan: RunPlan,
  search: SweepPlan,
  options: SweepOptions = {},
): Promise<BenchResult> {
  const { signal, onStep, pinning = null, agents } = options;
  const onFill = (done: number, total: number): void => onStep?.({ kind: "filling", done, total });
  await using stand = await Stand.open(plan, { signal, onFill, pinning, agents });
  if (plan.warmupMs > 0) {
    onStep?.({ kind: "warming" });
    const pace = paceOf(plan, search.from);
    const limits = { durationMs: plan.warmupMs, requests: Number.POSITIVE_INFINITY };
    await stand.warmUp({ pace, ...limits, intervalMs: 1000, signal });
  }
  let bestRate = 0;
  let last: MeasuredProbe | undefined;
  const knee = await findKnee(search, async (rate) => {
    if (signal?.aborted === true && last !== undefined) return undefined;
    const probe = await probeAt(stand, plan, search, options, rate, bestRate);
    last = probe;
    // A step that was broken off says nothing of its rate.
    if (probe.endedBy === "interrupted") return undefined;
    if (probe.isSustained) bestRate = Math.max(bestRate, rate);
    onStep?.({ kind: "stepped", step: probe.step });
    return probe;
  });
  if (plan.isCleaned) {
    onStep?.({ kind: "cleaning" });
    await stand.clean();
  }
  const [lowest = last] = knee.probes.toSorted((left, right) => left.rate - right.rate);
  const shown = knee.best ?? lowest;
  if (shown === undefined) throw new Error("a sweep has a step");
  const result = stand.describe(shown.run, shown.pace);
  return describeSweep(result, plan, search, knee, signal?.aborted === true);
}

async function probeAt(
  stand: Stand,
  plan: RunPlan,
  { maxP99Ms }: SweepPlan,
  { signal, onStep }: SweepOptions,
  rate: number,
  bestRate: number,
): Promise<MeasuredProbe> {
  const pace = paceOf(plan, rate);
  const requests = Number.POSITIVE_INFINITY;
  // What waits for longer has missed the limit already.
  const drainMs = Math.max(LEAST_DRAIN_MS, 2 * maxP99Ms);
  const shared = { pace, requests, signal, drainMs, intervalMs: intervalMsFor(plan.durationMs) };
  await stand.warmUp({ ...shared, durationMs: plan.durationMs * SETTLE_SHARE });
  const run = await stand.run({
    ...shared,
    durationMs: plan.durationMs,
    onInterval: (progress) =>
      onStep?.({ ...stepOf(progress, { ...plan, requests }), rate, bestRate }),
  });
  const result = stand.describe(run, pace);
  const { requests: done, duration_s: seconds, latency_ms: latency } = result.stats;
  // The last reply's way home is no missing throughput, but a backlog that is worked off is.
  const workedMs = Math.max(plan.durationMs, seconds * 1000 - (latency.p50 ?? 0));
  const achieved = done / ((rate * workedMs) / 1000);
  const step = stepResult(result, { rate, achieved, maxP99Ms });
  return {
    rate,
    isSustained: step.is_sustained,
    isHopeless: achieved < HOPELESS,
    run,
    pace,
    step,
    endedBy: run.outcome.endedBy,
  };
}

function paceOf({ pace }: RunPlan, perSecond: number): Pace {
  return { kind: "open", perSecond, arrival: pace.kind === "open" ? pace.arrival : "constant" };
}

interface Tried {
  readonly rate: number;
  /** Share of the operations that were due that succeeded. */
  readonly achieved: number;
  readonly maxP99Ms: number;
}

function stepResult({ stats, errors }: BenchResult, tried: Tried): ResultSweepStep {
  const { rate, achieved, maxP99Ms } = tried;
  const { throughput_ops: throughput, latency_ms: latency, client, requests } = stats;
  // Too few operations for a percentile: the slowest one then stands for it.
  const tailMs = latency.p99 ?? latency.max;
  const reasons = [
    ...(achieved < MIN_ACHIEVED ? [`${percent(achieved)} done`] : []),
    ...(tailMs === null || tailMs > maxP99Ms
      ? [`p99 ${tailMs === null ? "unknown" : `${tailMs.toFixed(1)} ms`}`]
      : []),
    ...(errors.total > MAX_ERROR_SHARE * (requests + errors.total)
      ? [`${percent(errors.total / (requests + errors.total))} failed`]
      : []),
  ];
  return {
    rate,
    throughput_ops: throughput,
    errors: errors.total,
    latency_ms: latency,
    is_sustained: reasons.length === 0,
    reason: reasons.length === 0 ? null : reasons.join(", "),
    is_client_limited: client.is_limited,
  };
}

function describeSweep(
  result: BenchResult,
  plan: RunPlan,
  search: SweepPlan,
  { probes, best, failedRate }: Knee<MeasuredProbe>,
  isInterrupted: boolean,
): BenchResult {
  const { validity } = result;
  const reasons = [
    ...(isInterrupted ? ["the sweep was interrupted: the knee may lie higher"] : []),
    ...(best === undefined ? ["no rate was sustained: begin lower, or allow a higher p99"] : []),
    ...(best !== undefined && failedRate === undefined && !isInterrupted
      ? ["the highest rate of the sweep was sustained: the knee lies above it"]
      : []),
    ...validity.reasons,
  ];
  return {
    ...result,
    config: {
      ...result.config,
      loop: "open",
      rate: null,
      sweep: {
        from: search.from,
        to: search.to,
        max_p99_ms: search.maxP99Ms,
        min_achieved: MIN_ACHIEVED,
        precision: search.precision,
        step_s: plan.durationMs / 1000,
      },
    },
    stats: {
      ...result.stats,
      sweep: probes.map(({ step }) => step),
      knee:
        best === undefined
          ? null
          : {
              rate: best.rate,
              throughput_ops: best.step.throughput_ops,
              p99_ms: best.step.latency_ms.p99 ?? best.step.latency_ms.max ?? 0,
              failed_rate: failedRate ?? null,
              is_client_limited: best.step.is_client_limited,
            },
    },
    validity: {
      is_valid: validity.is_valid && probes.length > 0,
      is_partial: validity.is_partial || isInterrupted,
      reasons,
    },
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
