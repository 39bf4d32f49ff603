/** Draws an index with given weights in constant time (Walker's aliases, built as Vose does). */
import { type Random } from "./random.ts";

export class AliasTable {
  readonly #share: Float64Array;
  readonly #alias: Uint16Array;
  readonly #random: Random;

  constructor(weights: readonly number[], random: Random) {
    const count = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const scaled = weights.map((weight) => (weight * count) / total);
    this.#share = new Float64Array(count).fill(1);
    this.#alias = new Uint16Array(count);
    this.#random = random;
    const small = scaled.flatMap((share, index) => (share < 1 ? [index] : []));
    const large = scaled.flatMap((share, index) => (share < 1 ? [] : [index]));
    while (small.length > 0 && large.length > 0) {
      const less = small.pop() ?? 0;
      const more = large.at(-1) ?? 0;
      this.#share[less] = scaled[less] ?? 0;
      this.#alias[less] = more;
      const left = (scaled[more] ?? 0) + (scaled[less] ?? 0) - 1;
      scaled[more] = left;
      if (left >= 1) continue;
      large.pop();
      small.push(more);
    }
  }

  next(): number {
    const index = this.#random.below(this.#share.length);
    if (this.#random.unit() < (this.#share[index] ?? 1)) return index;
    return this.#alias[index] ?? 0;
  }
}
