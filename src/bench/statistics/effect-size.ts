/** How far two samples lie apart, whatever their units. */
import { rank } from "./order.ts";

/**
 * Vargha and Delaney's A: how often a value of the first sample exceeds one of the second, ties
 * half. 0.5 means no difference; 0.56, 0.64 and 0.71 are called small, medium and large.
 */
export function exceedance(first: readonly number[], second: readonly number[]): number {
  const [m, n] = [first.length, second.length];
  if (m === 0 || n === 0) return 0.5;
  const { ranks } = rank([...first, ...second]);
  const sum = ranks.slice(0, m).reduce((total, each) => total + each, 0);
  return (sum - (m * (m + 1)) / 2) / (m * n);
}

/** Cliff's delta, from -1 (always below) to 1 (always above): the same, around 0. */
export function cliffsDelta(first: readonly number[], second: readonly number[]): number {
  return 2 * exceedance(first, second) - 1;
}
