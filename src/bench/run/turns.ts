/**
 * How the time of a comparison is cut up. A machine's noise comes in waves that are longer than a
 * slice, so that many short slices tell more than few long ones: on a shared two-core machine the
 * interval of 400 pairs of 25 ms was less than half as wide as that of 100 pairs of 100 ms.
 */
import { type Pace } from "../load/run-lanes.ts";

export interface Turns {
  readonly pairs: number;
  readonly sliceMs: number;
}

export interface TurnsWanted {
  /** What is left out follows from the load. */
  readonly pairs?: number | undefined;
  readonly sliceMs?: number | undefined;
  /** How long each target is measured, where slices are short: 10 s unless said otherwise. */
  readonly measuredMs?: number | undefined;
}

/** Who carries the load: threads and machines start within a millisecond or some of each other. */
export type Carrier = "thread" | "threads" | "agents";

const MEASURED_MS = 10_000;
const SHORTEST_MS = { thread: 25, threads: 50, agents: 200 } as const;
/** A closed loop fills and drains its connections in every slice. */
const LONGEST_CLOSED_MS = 100;
const LONGEST_MS = 2000;
/** p99 of a slice needs 1,000 operations, and slices differ. */
const OPERATIONS_A_SLICE = 2000;
const OPERATIONS_AT_A_RATE = 1100;
/** Slices that are long for the sake of p99 are not fewer. */
const PAIRS_OF_LONGEST = 10;

/** `perSecond` is what the slowest target did in its warm-up: 0 where there was none. */
export function turnsFor(
  wanted: TurnsWanted,
  pace: Pace,
  perSecond: number,
  carrier: Carrier = "thread",
): Turns {
  const measuredMs = wanted.measuredMs ?? MEASURED_MS;
  const shortestMs = SHORTEST_MS[carrier];
  const sliceMs = wanted.sliceMs ?? Math.max(shortestMs, sliceMsFor(pace, perSecond));
  const countedMs = Math.min(sliceMs, Math.max(shortestMs, LONGEST_CLOSED_MS));
  const pairs = Math.ceil(measuredMs / countedMs);
  return { sliceMs, pairs: wanted.pairs ?? Math.max(PAIRS_OF_LONGEST, pairs) };
}

function sliceMsFor(pace: Pace, perSecond: number): number {
  const isClosed = pace.kind === "closed";
  const rate = isClosed ? perSecond : pace.perSecond;
  const needed = isClosed ? OPERATIONS_A_SLICE : OPERATIONS_AT_A_RATE;
  const longestMs = isClosed ? LONGEST_CLOSED_MS : LONGEST_MS;
  const neededMs = rate > 0 ? Math.ceil((needed / rate) * 1000) : longestMs;
  return Math.min(longestMs, neededMs);
}
