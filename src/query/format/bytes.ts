/** A growing buffer that text is written into byte by byte, without strings in between. */

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const MAX_INT32 = 0x7fff_ffff;
const FRACTION = 10_000;
const FRACTION_DIGITS = 4;

export class Bytes {
  #buffer: Buffer;
  #length = 0;

  constructor(capacityBytes = 65_536) {
    this.#buffer = Buffer.allocUnsafe(capacityBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written, to keep; the next write begins a new buffer. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(this.#buffer.length);
    this.#length = 0;
    return taken;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  byte(value: number): void {
    if (this.#length === this.#buffer.length) this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** Text of characters below U+0080 only. */
  ascii(text: string): void {
    const size = text.length;
    this.#reserve(size);
    const start = this.#length;
    this.#length = start + size;
    const buffer = this.#buffer;
    if (size > 32) buffer.write(text, start, "latin1");
    else for (let i = 0; i < size; i++) buffer[start + i] = text.charCodeAt(i);
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#buffer.write(text, this.#length, "utf8");
  }

  raw(bytes: Uint8Array, from: number, to: number): void {
    const size = to - from;
    this.#reserve(size);
    const start = this.#length;
    this.#length = start + size;
    const buffer = this.#buffer;
    if (size > 64) buffer.set(bytes.subarray(from, to), start);
    else for (let i = 0; i < size; i++) buffer[start + i] = bytes[from + i] ?? 0;
  }

  /** A whole number below 2^53 in size. */
  integer(value: number): void {
    this.#reserve(20);
    let rest = value;
    if (rest < 0) {
      this.#buffer[this.#length++] = MINUS;
      rest = -rest;
    }
    if (rest > MAX_INT32) this.ascii(String(rest));
    else this.#digits(rest, digitsOf(rest));
  }

  /** Exactly `size` digits of a whole number below 2^31, with zeros in front. */
  padded(value: number, size: number): void {
    this.#reserve(size);
    this.#digits(value, size);
  }

  /**
   * A finite double in its shortest form. Up to four decimals, as prices and measurements have, are
   * written without a detour over a string: no two decimals of up to 15 digits are one double.
   */
  double(value: number): void {
    const scaled = Math.round(value * FRACTION);
    if (scaled / FRACTION !== value || Math.abs(scaled) > MAX_INT32 || Object.is(value, -0)) {
      this.ascii(Object.is(value, -0) ? "-0" : String(value));
      return;
    }
    this.#reserve(20);
    if (scaled < 0) this.#buffer[this.#length++] = MINUS;
    const size = Math.abs(scaled);
    const whole = (size / FRACTION) | 0;
    this.#digits(whole, digitsOf(whole));
    const fraction = size - whole * FRACTION;
    if (fraction === 0) return;
    this.#buffer[this.#length++] = POINT;
    this.#digits(fraction, FRACTION_DIGITS);
    while (this.#buffer[this.#length - 1] === ZERO) this.#length -= 1;
  }

  #digits(value: number, size: number): void {
    const buffer = this.#buffer;
    let rest = value | 0;
    let at = this.#length + size;
    this.#length = at;
    for (let left = size; left > 0; left--) {
      const next = (rest / 10) | 0;
      buffer[--at] = ZERO + rest - next * 10;
      rest = next;
    }
  }
}

function digitsOf(value: number): number {
  let size = 1;
  for (let power = 10; power <= value; power *= 10) size += 1;
  return size;
}
