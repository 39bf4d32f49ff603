/**
 * Measures several targets in turns: short slices on warm connections, in an order that is drawn
 * anew for each pair, so that what happens to the machine happens to all of them.
 */
import { randomUUID } from "node:crypto";
import { describeSlice } from "../compare/slice.ts";
import { decodeHistogram } from "../histogram/codec.ts";
import { cleanKeys, fillKeys } from "../load/fill.ts";
import { type Load } from "../load/load.ts";
import { joinOutcomes, type LoadOutcome } from "../load/outcome.ts";
import { type BenchResult, type ResultSlice } from "../result/result.ts";
import { readServerFacts, type ServerFacts } from "../target/server-facts.ts";
import { cpuBetween, ServerMeter, type ServerReading } from "../target/server-meter.ts";
import { Lifetime } from "../../core/lifetime.ts";
import { Random } from "../workload/random.ts";
import { describeRun } from "./describe-run.ts";
import { readEnvironment, readMachineTime, stealBetween } from "./environment.ts";
import { openLoad, setUp } from "./stand.ts";
import { type RunPlan } from "./run-plan.ts";
import { type Turns, turnsFor, type TurnsWanted } from "./turns.ts";

export interface PairedTarget {
  readonly plan: RunPlan;
  /** Name of the target that this one repeats on connections of its own: the noise of equals. */
  readonly twinOf: string | null;
  readonly pinning: string | null;
}

export interface PairOptions extends TurnsWanted {
  readonly targets: readonly PairedTarget[];
  readonly seed: number;
  /** Shared by the workloads of one comparison; a new one where it is left out. */
  readonly pairId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onFill?: (name: string, done: number, total: number) => void;
  /** After each pair: how many are done, how many there will be, and the slices of it. */
  readonly onPair?: (done: number, total: number, slices: readonly PairSlice[]) => void;
}

export interface PairSlice {
  readonly name: string;
  readonly perSecond: number;
}

/** One target while it is being measured. */
interface Side {
  readonly target: PairedTarget;
  readonly load: Load;
  readonly meter: ServerMeter;
  readonly facts: ServerFacts;
  readonly fill: LoadOutcome | undefined;
  /** Operations a second in the warm-up. */
  readonly warmRate: number;
  readonly first: ServerReading;
  readonly outcomes: LoadOutcome[];
  readonly slices: ResultSlice[];
}

/**
 * A result for each target, their slices paired by number. Targets that share server and prefix
 * share keys: the plan of one of them should fill and clean. Interrupted, it keeps whole pairs
 * only.
 */
export async function runPairs(options: PairOptions): Promise<readonly BenchResult[]> {
  await using lifetime = new Lifetime();
  const sides: Side[] = [];
  for (const target of options.targets) sides.push(await openSide(target, options, lifetime));
  const pairId = options.pairId ?? randomUUID();
  const pace = options.targets[0]?.plan.pace ?? { kind: "closed" };
  const turns = turnsFor(options, pace, Math.min(...sides.map(({ warmRate }) => warmRate)));
  const timeBefore = readMachineTime();
  const random = new Random(options.seed, 77);
  let done = 0;
  const isStopped = (): boolean => options.signal?.aborted === true;
  while (done < turns.pairs && (done === 0 || !isStopped())) {
    const order = shuffled(sides, random);
    const ran = [];
    for (const side of order)
      ran.push(await runSlice(side, done, ran.length, turns.sliceMs, options.signal));
    // A pair that was broken off compares a part of one with the whole of another.
    if (isStopped() && done > 0) break;
    ran.forEach(({ outcome, slice }, index) => {
      order[index]?.outcomes.push(outcome);
      order[index]?.slices.push(slice);
    });
    done += 1;
    options.onPair?.(
      done,
      turns.pairs,
      ran.map(({ slice }, index) => ({
        name: order[index]?.target.plan.target.name ?? "",
        perSecond: slice.requests / slice.seconds,
      })),
    );
  }
  const stealShare = stealBetween(timeBefore, readMachineTime());
  const results = [];
  for (const side of sides) {
    const after = await side.meter.read();
    results.push(describeSide(side, after, { pairId, done, stealShare, turns }));
  }
  for (const { target, load } of sides) {
    if (target.plan.isCleaned) await cleanKeys(load, target.plan.workload);
  }
  return results;
}

async function openSide(
  target: PairedTarget,
  { signal, onFill }: PairOptions,
  lifetime: Lifetime,
): Promise<Side> {
  const { plan } = target;
  const facts = await readServerFacts(plan.target);
  const load = lifetime.own(await openLoad(plan));
  const meter = lifetime.own(await ServerMeter.open(load.nodes));
  await setUp(load.nodes, plan.workload);
  const onProgress = (done: number, total: number): void => onFill?.(plan.target.name, done, total);
  const fill = plan.isFilled
    ? await fillKeys(load, plan.workload, { signal, onProgress })
    : undefined;
  const warmUp = await load.run({
    pace: plan.pace,
    durationMs: plan.warmupMs,
    requests: Number.POSITIVE_INFINITY,
    intervalMs: 1000,
    signal,
  });
  const first = await meter.read();
  const warmed = warmUp.operations.reduce((sum, { succeeded }) => sum + succeeded, 0);
  const warmRate = warmUp.elapsedMs > 0 ? (warmed / warmUp.elapsedMs) * 1000 : 0;
  return { target, load, meter, facts, fill, warmRate, first, outcomes: [], slices: [] };
}

async function runSlice(
  { target, load, meter }: Side,
  pair: number,
  position: number,
  sliceMs: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly outcome: LoadOutcome; readonly slice: ResultSlice }> {
  const before = await meter.read();
  const outcome = await load.run({
    pace: target.plan.pace,
    durationMs: sliceMs,
    requests: Number.POSITIVE_INFINITY,
    intervalMs: Number.POSITIVE_INFINITY,
    signal,
  });
  const serverCpuMs = cpuBetween(before, await meter.read());
  const slice = describeSlice({
    target: target.plan.target.name,
    pair,
    position,
    seconds: outcome.elapsedMs / 1000,
    requests: outcome.operations.reduce((sum, { succeeded }) => sum + succeeded, 0),
    errors: outcome.operations.reduce((sum, { failed }) => sum + failed, 0),
    commands: Object.fromEntries(
      outcome.operations.map(({ name, succeeded, failed, histogram }) => [
        name,
        { requests: succeeded, errors: failed, histogram: decodeHistogram(histogram) },
      ]),
    ),
    clientCpuS: outcome.client.cpuMs / 1000,
    serverCpuS: serverCpuMs === null ? null : serverCpuMs / 1000,
  });
  return { outcome, slice };
}

interface SideFacts {
  readonly pairId: string;
  readonly done: number;
  readonly stealShare: number | null;
  readonly turns: Turns;
}

function describeSide(
  { target, facts, fill, first, outcomes, slices }: Side,
  after: ServerReading,
  { pairId, done, stealShare, turns }: SideFacts,
): BenchResult {
  const { plan, twinOf, pinning } = target;
  const isPartial = done < turns.pairs;
  const outcome = joinOutcomes(outcomes);
  const result = describeRun({
    plan,
    facts,
    outcome: { ...outcome, endedBy: isPartial ? "interrupted" : outcome.endedBy },
    fill,
    // Between its slices a server may work for a twin: only what the slices cost counts.
    before: { ...first, cpuMs: 0 },
    after: { ...after, cpuMs: cpuOf(slices) },
    environment: readEnvironment({ pinning, agents: [], stealShare }),
  });
  return {
    ...result,
    pair_id: pairId,
    config: { ...result.config, twin_of: twinOf, pairs: done, slice_ms: turns.sliceMs },
    stats: { ...result.stats, slices },
  };
}

function cpuOf(slices: readonly ResultSlice[]): number | null {
  let sum = 0;
  for (const { server_cpu_s: cpuS } of slices) {
    if (cpuS === null) return null;
    sum += cpuS * 1000;
  }
  return sum;
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const [a, b] = [order[last], order[other]];
    if (a !== undefined && b !== undefined) [order[last], order[other]] = [b, a];
  }
  return order;
}
