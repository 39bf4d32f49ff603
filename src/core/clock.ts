/** The wall clock, as an argument: nothing below `ingest` reads it, so replay needs none. */

export interface Clock {
  /** Microseconds since the epoch, UTC. */
  nowUs(): bigint;
  /** Milliseconds that only ever grow; for measuring, never for storing. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowUs: () => BigInt(Date.now()) * 1000n,
  monotonicMs: () => performance.now(),
};
