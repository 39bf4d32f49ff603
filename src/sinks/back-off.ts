/** How long to wait before a delivery is tried again. */

export interface BackOffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Doubles from try to try; a random half of it keeps many waiting ones from coming at once. */
export function backOffMs(tries: number, { firstMs, maxMs, random }: BackOffOptions): number {
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(tries - 1, 30));
  return fullMs / 2 + (fullMs / 2) * random();
}
