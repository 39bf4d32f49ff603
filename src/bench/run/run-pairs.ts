/**
 * Measures several targets in turns: short slices on warm connections, in an order that is drawn
 * anew for each pair, so that what happens to the machine happens to all of them.
 */
import { randomUUID } from "node:crypto";
import { describeSlice } from "../compare/slice.ts";
import { decodeHistogram } from "../histogram/codec.ts";
import { type Agents } from "../crew/agents-crew.ts";
import { joinOutcomes } from "../load/outcome.ts";
import { type BenchResult, type ResultSlice } from "../result/result.ts";
import { cpuBetween, type ServerReading } from "../target/server-meter.ts";
import { isKurobeError, KurobeError } from "../../core/errors.ts";
import { Lifetime } from "../../core/lifetime.ts";
import { Random } from "../workload/random.ts";
import { isHeadline } from "../workload/workload.ts";
import { readMachineTime, stealBetween } from "./environment.ts";
import { Stand, type StandRun } from "./stand.ts";
import { type RunPlan } from "./run-plan.ts";
import { type Carrier, type Turns, turnsFor, type TurnsWanted } from "./turns.ts";

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
  /** Who carries the load instead of this process; they stay the caller's. */
  readonly agents?: Agents | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onFill?: (name: string, done: number, total: number) => void;
  /** After each pair: how many are done, how many there will be, and the slices of it. */
  readonly onPair?: (done: number, total: number, slices: readonly PairSlice[]) => void;
}

export interface PairSlice {
  readonly name: string;
  readonly perSecond: number;
}

const REHEARSAL_MS = 500;
/** Enough for each master of a cluster to have some. */
const REHEARSED_KEYS = 2048;

/** One target while it is being measured. */
interface Side {
  readonly target: PairedTarget;
  readonly stand: Stand;
  /** Operations a second in the warm-up. */
  readonly warmRate: number;
  readonly runs: StandRun[];
  readonly slices: ResultSlice[];
}

/** What one target did in one pair. */
interface Turn {
  readonly side: Side;
  readonly run: StandRun;
  readonly slice: ResultSlice;
}

/**
 * A result for each target, their slices paired by number. Targets that share server and prefix
 * share keys: the plan of one of them should fill and clean. Interrupted, or without one of its
 * agents, it keeps whole pairs only.
 */
export async function runPairs(options: PairOptions): Promise<readonly BenchResult[]> {
  await using lifetime = new Lifetime();
  const sides: Side[] = [];
  for (const target of options.targets.slice(0, 1)) await rehearse(target, options);
  for (const target of options.targets) sides.push(await openSide(target, options, lifetime));
  const pairId = options.pairId ?? randomUUID();
  const pace = options.targets[0]?.plan.pace ?? { kind: "closed" };
  const slowest = Math.min(...sides.map(({ warmRate }) => warmRate));
  const turns = turnsFor(options, pace, slowest, carrierOf(options));
  const timeBefore = readMachineTime();
  const random = new Random(options.seed, 77);
  let done = 0;
  let lost: readonly string[] = [];
  while (done < turns.pairs && lost.length === 0 && (done === 0 || !isStopped(options))) {
    const pair = await runPair(shuffled(sides, random), done, turns.sliceMs, options);
    lost = pair.lost;
    if (lost.length > 0 && done === 0) {
      throw new KurobeError("KRB_BENCH_MEMBER_LOST", lost.join("; "));
    }
    // A pair that was broken off compares a part of one with the whole of another.
    if ((lost.length > 0 || isStopped(options)) && done > 0) break;
    for (const { side, run, slice } of pair.turns) {
      side.runs.push(run);
      side.slices.push(slice);
    }
    done += 1;
    const slices = pair.turns.map(({ side: { target }, slice: { requests, seconds } }) => ({
      name: target.plan.target.name,
      perSecond: requests / seconds,
    }));
    options.onPair?.(done, turns.pairs, slices);
  }
  const stealShare = stealBetween(timeBefore, readMachineTime());
  const results = sides.map((side) =>
    describeSide(side, { pairId, done, stealShare, turns, lost }),
  );
  for (const { target, stand } of sides) {
    if (target.plan.isCleaned) await stand.clean();
  }
  return results;
}

function carrierOf({ agents, targets }: PairOptions): Carrier {
  if (agents !== undefined) return "agents";
  return targets.some(({ plan }) => plan.workers > 1) ? "threads" : "thread";
}

function isStopped({ signal }: PairOptions): boolean {
  return signal?.aborted === true;
}

/**
 * Of equal targets the one that is opened first costs the client 2 to 5 % more for good: its
 * objects are older than what the JavaScript engine has learned of them. So the first one is none
 * that counts: it carries the same operations on some keys of its own, and is closed.
 */
async function rehearse(
  { plan, pinning }: PairedTarget,
  { agents, signal, onFill }: PairOptions,
): Promise<void> {
  const { workload, warmupMs } = plan;
  const few = {
    ...workload,
    prefix: `${workload.prefix}rehearsal:`,
    keyspaces: workload.keyspaces.map((keyspace) => ({
      ...keyspace,
      keyCount: Math.min(keyspace.keyCount, REHEARSED_KEYS),
    })),
  };
  const rehearsed = { ...plan, workload: few, isFilled: true };
  await using stand = await Stand.open(rehearsed, {
    ...{ agents, pinning, signal },
    onFill: (done, total) => onFill?.(plan.target.name, done, total),
  });
  await stand.warmUp({
    pace: plan.pace,
    durationMs: Math.min(warmupMs, REHEARSAL_MS),
    requests: Number.POSITIVE_INFINITY,
    intervalMs: 1000,
    signal,
  });
  await stand.clean();
}

async function openSide(
  target: PairedTarget,
  { agents, signal, onFill }: PairOptions,
  lifetime: Lifetime,
): Promise<Side> {
  const { plan, pinning } = target;
  const stand = await Stand.open(plan, {
    ...{ agents, pinning, signal },
    onFill: (done, total) => onFill?.(plan.target.name, done, total),
  });
  lifetime.own(stand);
  const { operations, elapsedMs } = await stand.warmUp({
    pace: plan.pace,
    durationMs: plan.warmupMs,
    requests: Number.POSITIVE_INFINITY,
    intervalMs: 1000,
    signal,
  });
  const warmed = operations.reduce((sum, { succeeded }) => sum + succeeded, 0);
  const warmRate = elapsedMs > 0 ? (warmed / elapsedMs) * 1000 : 0;
  return { target, stand, warmRate, runs: [], slices: [] };
}

/** One slice of each, one after the other. */
async function runPair(
  order: readonly Side[],
  pair: number,
  sliceMs: number,
  { signal }: PairOptions,
): Promise<{ readonly turns: readonly Turn[]; readonly lost: readonly string[] }> {
  const turns: Turn[] = [];
  for (const [position, side] of order.entries()) {
    try {
      const run = await side.stand.run({
        pace: side.target.plan.pace,
        durationMs: sliceMs,
        requests: Number.POSITIVE_INFINITY,
        intervalMs: Number.POSITIVE_INFINITY,
        signal,
      });
      turns.push({ side, run, slice: sliceOf(side, run, pair, position) });
      if (run.lost !== undefined && run.lost.length > 0) return { turns, lost: run.lost };
    } catch (error) {
      // Nobody is left: what was measured before is there all the same.
      if (pair === 0 || !isKurobeError(error, "KRB_BENCH_MEMBER_LOST")) throw error;
      return { turns, lost: [error.message] };
    }
  }
  return { turns, lost: [] };
}

function sliceOf({ target }: Side, run: StandRun, pair: number, position: number): ResultSlice {
  const { outcome, before, after } = run;
  const { target: engine, workload } = target.plan;
  const serverCpuMs = cpuBetween(before, after);
  const headline = outcome.operations.filter(({ name }) => isHeadline(workload, name));
  return describeSlice({
    target: engine.name,
    pair,
    position,
    seconds: outcome.elapsedMs / 1000,
    requests: headline.reduce((sum, { succeeded }) => sum + succeeded, 0),
    errors: outcome.operations.reduce((sum, { failed }) => sum + failed, 0),
    headline: headline.map(({ name }) => name),
    commands: Object.fromEntries(
      outcome.operations.map(({ name, succeeded, failed, histogram }) => [
        name,
        { requests: succeeded, errors: failed, histogram: decodeHistogram(histogram) },
      ]),
    ),
    clientCpuS: outcome.client.cpuMs / 1000,
    serverCpuS: serverCpuMs === null ? null : serverCpuMs / 1000,
  });
}

interface SideFacts {
  readonly pairId: string;
  readonly done: number;
  readonly stealShare: number | null;
  readonly turns: Turns;
  readonly lost: readonly string[];
}

function describeSide(
  { target, stand, runs, slices }: Side,
  { pairId, done, stealShare, turns, lost }: SideFacts,
): BenchResult {
  const outcome = joinOutcomes(runs.map((run) => run.outcome));
  const isPartial = done < turns.pairs;
  const result = stand.describe({
    outcome: { ...outcome, endedBy: isPartial ? "interrupted" : outcome.endedBy },
    lost,
    // Between its slices a server may work for a twin: only what the slices cost counts.
    ...costOf(runs, slices),
    stealShare,
  });
  return {
    ...result,
    pair_id: pairId,
    config: { ...result.config, twin_of: target.twinOf, pairs: done, slice_ms: turns.sliceMs },
    stats: { ...result.stats, slices },
  };
}

/** From the first slice to the last one, but with the processor time of the slices alone. */
function costOf(
  runs: readonly StandRun[],
  slices: readonly ResultSlice[],
): { readonly before: ServerReading; readonly after: ServerReading } {
  const [first, last] = [runs[0], runs.at(-1)];
  if (first === undefined || last === undefined) throw new Error("a side has a slice");
  return {
    before: { ...first.before, cpuMs: 0 },
    after: { ...last.after, cpuMs: cpuOf(slices) },
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
