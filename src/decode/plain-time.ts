/** Reads plain timestamps from bytes, quickly where they follow each other in time. */
import { BYTE, plainDate, twoDigits } from "./plain-value.ts";

/** `YYYY-MM-DDTHH:MM` */
const MINUTE_BYTES = 16;
const FRACTION_UNIT_US = [0, 100_000, 10_000, 1000, 100, 10, 1];

/**
 * Takes `YYYY-MM-DDTHH:MM:SS[.f…]Z` (or a space for the T; up to 6 digits of fraction). Most rows
 * of a body lie in the minute of the row before, so a minute is worked out once.
 */
export class PlainTimeReader {
  readonly #minute = new Uint8Array(MINUTE_BYTES);
  #minuteUs = Number.NaN;
  /** Microseconds since the epoch of what was read last; exact, as it is a safe integer. */
  timeUs = 0;

  /** Offset behind the timestamp, -1 where there is none. `zoneless` also admits it without a Z. */
  read(bytes: Uint8Array, start: number, zoneless: boolean): number {
    if (!this.#isSameMinute(bytes, start) && !this.#readMinute(bytes, start)) return -1;
    let at = start + MINUTE_BYTES;
    if (bytes[at] !== BYTE.COLON) return -1;
    const second = twoDigits(bytes, at + 1);
    if (second < 0 || second > 59) return -1;
    at += 3;
    let fractionUs = 0;
    if (bytes[at] === BYTE.DOT) {
      const first = ++at;
      for (; ; at++) {
        const digit = (bytes[at] as number) - BYTE.ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        fractionUs = fractionUs * 10 + digit;
      }
      if (at === first || at > first + 6) return -1;
      fractionUs *= FRACTION_UNIT_US[at - first] as number;
    }
    if (bytes[at] === BYTE.Z) at++;
    else if (!zoneless) return -1;
    this.timeUs = this.#minuteUs + second * 1_000_000 + fractionUs;
    // Doubles hold microseconds exactly from 1684 to 2255.
    return Number.isSafeInteger(this.timeUs) ? at : -1;
  }

  #isSameMinute(bytes: Uint8Array, start: number): boolean {
    const minute = this.#minute;
    // From the end, where minutes differ.
    for (let index = MINUTE_BYTES - 1; index >= 0; index--) {
      if (bytes[start + index] !== minute[index]) return false;
    }
    return true;
  }

  #readMinute(bytes: Uint8Array, start: number): boolean {
    const separator = bytes[start + 10];
    if (separator !== BYTE.T && separator !== BYTE.SPACE) return false;
    if (bytes[start + 13] !== BYTE.COLON) return false;
    const hour = twoDigits(bytes, start + 11);
    const minute = twoDigits(bytes, start + 14);
    const days = plainDate(bytes, start);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || Number.isNaN(days)) return false;
    this.#minuteUs = ((days * 24 + hour) * 60 + minute) * 60_000_000;
    this.#minute.set(bytes.subarray(start, start + MINUTE_BYTES));
    return true;
  }
}
