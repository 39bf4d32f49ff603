/** One measurement from the first connection to the result: fill, warm up, measure, clean up. */
import { cleanKeys, fillKeys } from "../load/fill.ts";
import { Load } from "../load/load.ts";
import { type LoadOutcome } from "../load/outcome.ts";
import { type Recorder } from "../load/recorder.ts";
import { Listeners } from "../pubsub/listeners.ts";
import { openConnection } from "../resp/connection.ts";
import { ReplyError } from "../resp/reply-reader.ts";
import { KurobeError } from "../../core/errors.ts";
import { type BenchResult } from "../result/result.ts";
import { readServerFacts } from "../target/server-facts.ts";
import { ServerMeter } from "../target/server-meter.ts";
import { showTarget, type Target } from "../target/target.ts";
import { type Workload } from "../workload/workload.ts";
import { describeRun } from "./describe-run.ts";
import { readEnvironment, readMachineTime, stealBetween } from "./environment.ts";
import { intervalMsFor, type RunPlan } from "./run-plan.ts";

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
}

/**
 * Interrupted, it gives the partial result. Throws what target or workload are refused for; errors
 * of single operations are part of the result.
 */
export async function measure(plan: RunPlan, options: MeasureOptions = {}): Promise<BenchResult> {
  const { signal, onStep } = options;
  const { workload, target } = plan;
  const facts = await readServerFacts(target);
  await using load = await openLoad(plan);
  await using meter = await ServerMeter.open(load.nodes);
  await using listeners = await Listeners.open(load.nodes, workload);
  await setUp(load.nodes, workload);
  onStep?.({ kind: "filling", done: 0, total: 0 });
  const onProgress = (done: number, total: number): void =>
    onStep?.({ kind: "filling", done, total });
  const fill = plan.isFilled ? await fillKeys(load, workload, { signal, onProgress }) : undefined;
  const shared = { pace: plan.pace, intervalMs: intervalMsFor(plan.durationMs), signal };
  if (plan.warmupMs > 0) {
    onStep?.({ kind: "warming" });
    await load.run({ ...shared, durationMs: plan.warmupMs, requests: Number.POSITIVE_INFINITY });
  }
  await listeners?.quiet();
  const timeBefore = readMachineTime();
  const before = await meter.read();
  listeners?.begin(performance.now());
  const sent: LoadOutcome = await load.run({
    ...shared,
    durationMs: plan.durationMs,
    requests: plan.requests,
    onInterval: (recorder) => {
      listeners?.roll(performance.now());
      onStep?.(stepOf(recorder, plan));
    },
  });
  const outcome = listeners === undefined ? sent : await listeners.heard(sent, workload);
  const after = await meter.read();
  const stealShare = stealBetween(timeBefore, readMachineTime());
  if (plan.isCleaned) {
    onStep?.({ kind: "cleaning" });
    await cleanKeys(load, workload);
  }
  const environment = readEnvironment({ pinning: options.pinning ?? null, agents: [], stealShare });
  return describeRun({ plan, facts, outcome, fill, before, after, environment });
}

export async function openLoad(plan: RunPlan): Promise<Load> {
  return await Load.open({
    target: plan.target,
    workload: plan.workload,
    connections: plan.connections,
    depth: plan.depth,
    seed: plan.seed,
    timeoutMs: plan.timeoutMs,
  });
}

/** Scripts have to be on each node before they are called. */
export async function setUp(nodes: readonly Target[], { setup, name }: Workload): Promise<void> {
  if (setup.length === 0) return;
  for (const node of nodes) {
    await using connection = await openConnection(node);
    for (const reply of await connection.callAll(setup)) {
      if (!(reply instanceof ReplyError)) continue;
      const message = `${showTarget(node)} refuses what ${name} needs: ${reply.message}`;
      throw new KurobeError("KRB_BENCH_WORKLOAD", message);
    }
  }
}

function stepOf(recorder: Recorder, { durationMs, requests }: RunPlan): MeasureStep {
  const { last } = recorder;
  const elapsedMs = last?.endMs ?? 0;
  const done = recorder.operationCount + recorder.errorCount;
  const seconds = ((last?.endMs ?? 1) - (last?.startMs ?? 0)) / 1000;
  return {
    kind: "measuring",
    share: Number.isFinite(durationMs) ? elapsedMs / durationMs : done / requests,
    perSecond: (last?.operations ?? 0) / Math.max(0.001, seconds),
    p99Ms: last?.p99Ms ?? 0,
    errors: recorder.errorCount,
  };
}
