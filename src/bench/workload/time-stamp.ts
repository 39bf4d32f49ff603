/** Times that travel inside a message: 12 digits of microseconds, the same in all threads. */

const MODULUS_US = 1e12;

/** `nowMs` is a reading of `performance.now()`. */
export function stampOf(nowMs: number): number {
  return Math.floor((performance.timeOrigin + nowMs) * 1000) % MODULUS_US;
}

/** Milliseconds from a stamp to a reading of `performance.now()`; stamps repeat after 11 days. */
export function sinceStampMs(stampUs: number, nowMs: number): number {
  const passedUs = ((performance.timeOrigin + nowMs) * 1000 - stampUs) % MODULUS_US;
  // A stamp is cut to whole microseconds: one of this very moment may lie a little ahead.
  return passedUs > MODULUS_US / 2 ? 0 : passedUs / 1000;
}
