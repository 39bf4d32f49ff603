/**
 * How far event time has come in one dataset: the minimum over active producers, and it never goes
 * back.
 */
import { type WatermarkPlan } from "../plan/plan.ts";

/** Year 1: before every row. A producer that has yet to send is as far as this. */
export const FAR_PAST_US = -62_135_596_800_000_000n;

interface Producer {
  readonly maxUs: bigint;
  readonly lastReceivedUs: bigint;
  readonly isIdle: boolean;
}

/**
 * Frozen value: `advance` and `expire` give a new one, so that a rollback only has to forget it.
 */
export interface Progress {
  readonly watermarkUs: bigint | null;
  readonly minEventTimeUs: bigint | null;
  readonly maxEventTimeUs: bigint | null;
  readonly producers: ReadonlyMap<string, Producer>;
}

export const NO_PROGRESS: Progress = {
  watermarkUs: null,
  minEventTimeUs: null,
  maxEventTimeUs: null,
  producers: new Map(),
};

export interface Seen {
  readonly producer: string;
  readonly minUs: bigint;
  readonly maxUs: bigint;
  readonly receivedAtUs: bigint;
}

export function advance(progress: Progress, plan: WatermarkPlan, seen: Seen): Progress {
  const before = progress.producers.get(seen.producer);
  const producers = new Map(progress.producers);
  producers.set(seen.producer, {
    maxUs: maxOf(before?.maxUs ?? null, seen.maxUs),
    lastReceivedUs: maxOf(before?.lastReceivedUs ?? null, seen.receivedAtUs),
    isIdle: false,
  });
  return {
    watermarkUs: watermarkOf(progress.watermarkUs, plan, producers),
    minEventTimeUs: minOf(progress.minEventTimeUs, seen.minUs),
    maxEventTimeUs: maxOf(progress.maxEventTimeUs, seen.maxUs),
    producers,
  };
}

/** At a tick: producers that were silent for the idle timeout no longer hold the watermark back. */
export function expire(progress: Progress, plan: WatermarkPlan, nowUs: bigint): Progress {
  const { idleTimeoutUs } = plan;
  if (idleTimeoutUs === null) return progress;
  const isOver = (one: Producer): boolean => one.lastReceivedUs + BigInt(idleTimeoutUs) < nowUs;
  if (![...progress.producers.values()].some((one) => !one.isIdle && isOver(one))) return progress;
  const producers = new Map(
    [...progress.producers].map(([name, one]) => [
      name,
      { ...one, isIdle: one.isIdle || isOver(one) },
    ]),
  );
  return {
    ...progress,
    watermarkUs: watermarkOf(progress.watermarkUs, plan, producers),
    producers,
  };
}

/** One producer is done: whatever it sent, it no longer holds the watermark back. */
export function settle(progress: Progress, plan: WatermarkPlan, producer: string): Progress {
  const known = progress.producers.get(producer);
  if (known === undefined || known.isIdle) return progress;
  const producers = new Map(progress.producers).set(producer, { ...known, isIdle: true });
  const watermarkUs = watermarkOf(progress.watermarkUs, plan, producers);
  return { ...progress, watermarkUs, producers };
}

/** When an idle timeout is due next, by received time; null when nothing would change. */
export function nextExpiryUs(progress: Progress, plan: WatermarkPlan): bigint | null {
  // A single producer cannot be held back by another, so its silence changes nothing.
  if (plan.idleTimeoutUs === null || progress.producers.size < 2) return null;
  let next: bigint | null = null;
  for (const one of progress.producers.values()) {
    if (!one.isIdle) next = minOf(next, one.lastReceivedUs + BigInt(plan.idleTimeoutUs) + 1n);
  }
  return next;
}

function watermarkOf(
  before: bigint | null,
  plan: WatermarkPlan,
  producers: ReadonlyMap<string, Producer>,
): bigint | null {
  let slowest: bigint | null = null;
  let fastest: bigint | null = null;
  for (const one of producers.values()) {
    fastest = maxOf(fastest, one.maxUs);
    if (!one.isIdle) slowest = minOf(slowest, one.maxUs);
  }
  const progress = slowest ?? fastest;
  if (progress === null) return before;
  return maxOf(before, progress - BigInt(plan.outOfOrdernessUs));
}

/** The slowest other active producer: what a row of `producer` cannot pull the watermark beyond. */
export function slowestOther(progress: Progress, producer: string): bigint | null {
  let slowest: bigint | null = null;
  for (const [name, one] of progress.producers) {
    if (name !== producer && !one.isIdle) slowest = minOf(slowest, one.maxUs);
  }
  return slowest;
}

function maxOf(a: bigint | null, b: bigint): bigint {
  return a === null || b > a ? b : a;
}

function minOf(a: bigint | null, b: bigint): bigint {
  return a === null || b < a ? b : a;
}

export interface ProgressState {
  readonly watermarkUs: string | null;
  readonly minEventTimeUs: string | null;
  readonly maxEventTimeUs: string | null;
  readonly producers: readonly {
    readonly name: string;
    readonly maxUs: string;
    readonly lastReceivedUs: string;
    readonly isIdle: boolean;
  }[];
}

export function progressToState(progress: Progress): ProgressState {
  const text = (value: bigint | null): string | null => (value === null ? null : String(value));
  return {
    watermarkUs: text(progress.watermarkUs),
    minEventTimeUs: text(progress.minEventTimeUs),
    maxEventTimeUs: text(progress.maxEventTimeUs),
    producers: [...progress.producers].map(([name, one]) => ({
      name,
      maxUs: String(one.maxUs),
      lastReceivedUs: String(one.lastReceivedUs),
      isIdle: one.isIdle,
    })),
  };
}

export function progressFromState(state: ProgressState): Progress {
  const big = (value: string | null): bigint | null => (value === null ? null : BigInt(value));
  return {
    watermarkUs: big(state.watermarkUs),
    minEventTimeUs: big(state.minEventTimeUs),
    maxEventTimeUs: big(state.maxEventTimeUs),
    producers: new Map(
      state.producers.map((one) => [
        one.name,
        {
          maxUs: BigInt(one.maxUs),
          lastReceivedUs: BigInt(one.lastReceivedUs),
          isIdle: one.isIdle,
        },
      ]),
    ),
  };
}
