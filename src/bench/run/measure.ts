/** One measurement from the first connection to the result: fill, warm up, measure, clean up. */
import { type Crew, soloCrew } from "../crew/crew.ts";
import { openThreadCrew } from "../crew/thread.ts";
import { cleanKeys, fillKeys } from "../load/fill.ts";
import { Load, type LoadOptions } from "../load/load.ts";
import { type LoadProgress } from "../load/recorder.ts";
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
  await using crew = await openCrew(plan, load);
  const shared = { pace: plan.pace, intervalMs: intervalMsFor(plan.durationMs), signal };
  if (plan.warmupMs > 0) {
    onStep?.({ kind: "warming" });
    await crew.run({ ...shared, durationMs: plan.warmupMs, requests: Number.POSITIVE_INFINITY });
  }
  await listeners?.quiet();
  const timeBefore = readMachineTime();
  const before = await meter.read();
  listeners?.begin(performance.now());
  const {
    outcome: sent,
    insertEnds,
    lost,
  } = await crew.run({
    ...shared,
    durationMs: plan.durationMs,
    requests: plan.requests,
    onInterval: (progress) => {
      listeners?.roll(performance.now());
      onStep?.(stepOf(progress, plan));
    },
  });
  const outcome = listeners === undefined ? sent : await listeners.heard(sent, workload);
  const after = await meter.read();
  const stealShare = stealBetween(timeBefore, readMachineTime());
  if (plan.isCleaned) {
    onStep?.({ kind: "cleaning" });
    await cleanKeys(load, workload, { insertEnds });
  }
  const environment = readEnvironment({ pinning: options.pinning ?? null, agents: [], stealShare });
  return describeRun({ plan, facts, outcome, lost, fill, before, after, environment });
}

export async function openLoad(plan: RunPlan): Promise<Load> {
  return await Load.open(loadOptions(plan));
}

/** Threads have connections of their own; `load` then only makes the keys and deletes them. */
async function openCrew(plan: RunPlan, load: Load): Promise<Crew> {
  return plan.workers === 1 ? soloCrew(load) : openThreadCrew(loadOptions(plan), plan.workers);
}

function loadOptions(plan: RunPlan): LoadOptions {
  return {
    target: plan.target,
    workload: plan.workload,
    connections: plan.connections,
    depth: plan.depth,
    seed: plan.seed,
    timeoutMs: plan.timeoutMs,
  };
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

function stepOf(
  { point, operations, errors }: LoadProgress,
  { durationMs, requests }: RunPlan,
): MeasureStep {
  const isTimed = Number.isFinite(durationMs);
  return {
    kind: "measuring",
    share: isTimed ? point.endMs / durationMs : (operations + errors) / requests,
    perSecond: (point.operations / Math.max(1, point.endMs - point.startMs)) * 1000,
    p99Ms: point.p99Ms,
    errors,
  };
}
