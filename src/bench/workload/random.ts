/** 2^-32. */
const UNIT = 2.328_306_436_538_696_3e-10;

/** Random numbers from a seed: small, quick, and the same on every machine (sfc32). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Streams of one seed differ: one for each connection. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = stream | 0;
    // The first numbers of seeds that differ in a bit look alike.
    for (let round = 0; round < 16; round++) this.uint32();
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 up to, and never, 1. */
  unit(): number {
    return this.uint32() * UNIT;
  }

  /** 0 to `limit - 1`; `limit` at most 2^32. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** The first `count` of `numbers` become what as many calls of `below` would give. */
  fillBelow(limit: number, count: number, numbers: Float64Array): void {
    // In variables the state stays in the processor's registers.
    let a = this.#a;
    let b = this.#b;
    let c = this.#c;
    let counter = this.#counter;
    for (let index = 0; index < count; index++) {
      const sum = (a + b + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      numbers[index] = Math.floor((sum >>> 0) * UNIT * limit);
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#counter = counter;
  }
}
