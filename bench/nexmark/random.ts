/**
 * Random numbers that belong to a number: every event draws its own, so that any stretch of the
 * stream can be made without what lies before it. The generator is SFC32, seeded with the stream's
 * seed and the event's number.
 */
const WARM_UP_ROUNDS = 12;

export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 0;

  /** Begins the numbers of one event. */
  begin(seed: number, event: number): void {
    this.#a = seed | 0;
    this.#b = event | 0;
    this.#c = Math.floor(event / 2 ** 32) | 0;
    this.#counter = 1;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.bits();
  }

  /** 32 random bits, as a signed number. */
  bits(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }

  /** At least 0 and less than 1, in steps of 2^-53. */
  share(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A whole number, at least 0 and below the bound, which is at most 2^32. */
  below(bound: number): number {
    return Math.floor(((this.bits() >>> 0) / 2 ** 32) * bound);
  }
}
