/**
 * Recognises values whose meaning is beyond doubt, straight from bytes. What is not plain is not
 * wrong: it goes to the exact lane (`exact-value.ts`), which knows every legal form and every
 * reason.
 */

/** Bytes of digits, signs and punctuation, named once. */
export const BYTE = {
  TAB: 9,
  LF: 10,
  CR: 13,
  SPACE: 32,
  QUOTE: 34,
  PLUS: 43,
  COMMA: 44,
  MINUS: 45,
  DOT: 46,
  ZERO: 48,
  NINE: 57,
  COLON: 58,
  T: 84,
  Z: 90,
  BACKSLASH: 92,
  OPEN: 123,
  CLOSE: 125,
} as const;

/** Powers of ten that a double holds exactly. */
export const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
export const MAX_EXACT = Number.MAX_SAFE_INTEGER;

/**
 * The value of `-?` and digits without a leading zero, at most 15 of them, so that a double holds
 * it; NaN for anything else, `-0` included.
 */
export function plainInteger(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === BYTE.MINUS;
  const first = isNegative ? start + 1 : start;
  const digits = end - first;
  if (digits < 1 || digits > 15) return Number.NaN;
  if (bytes[first] === BYTE.ZERO && (digits > 1 || isNegative)) return Number.NaN;
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] as number) - BYTE.ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}

/**
 * The value of `-?digits(.digits)?` without leading zeros or an exponent, NaN for anything else or
 * where more than one rounding would come in. Both numerator and power of ten are exact, so one
 * division gives the nearest double (W. D. Clinger, "How to Read Floating Point Numbers
 * Accurately").
 */
export function plainFloat(bytes: Uint8Array, start: number, end: number): number {
  const fraction = fractionDigits(bytes, start, end);
  if (fraction < 0 || fraction > 22) return Number.NaN;
  const units = digitsValue(bytes, start, end);
  if (units > MAX_EXACT) return Number.NaN;
  const value = fraction === 0 ? units : units / (POWERS_OF_TEN[fraction] as number);
  return bytes[start] === BYTE.MINUS ? -value : value;
}

/**
 * The same text times 10^`scale`, where that is whole and at most 15 digits long; NaN for anything
 * else.
 */
export function plainUnits(
  bytes: Uint8Array,
  start: number,
  end: number,
  scale: number,
  precision: number,
): number {
  const fraction = fractionDigits(bytes, start, end);
  if (fraction < 0 || fraction > scale) return Number.NaN;
  const digits = digitsValue(bytes, start, end);
  if (digits > MAX_EXACT || scale - fraction > 15) return Number.NaN;
  const units = digits * (POWERS_OF_TEN[scale - fraction] as number);
  if (units >= (POWERS_OF_TEN[Math.min(precision, 15)] as number)) return Number.NaN;
  return bytes[start] === BYTE.MINUS ? 0 - units : units;
}

/** Digits behind the dot; -1 where the text is no plain number. */
function fractionDigits(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] === BYTE.MINUS ? start + 1 : start;
  let at = first;
  while (at < end && isDigit(bytes[at] as number)) at++;
  const whole = at - first;
  if (whole < 1 || (whole > 1 && bytes[first] === BYTE.ZERO)) return -1;
  if (at === end) return 0;
  if (bytes[at] !== BYTE.DOT) return -1;
  const fraction = end - at - 1;
  for (at++; at < end; at++) if (!isDigit(bytes[at] as number)) return -1;
  return fraction < 1 ? -1 : fraction;
}

/** All digits as one number, the dot left out; above `MAX_EXACT` it is rounded. */
function digitsValue(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - BYTE.ZERO;
    if (digit >= 0) value = value * 10 + digit;
  }
  return value;
}

function isDigit(byte: number): boolean {
  return byte >= BYTE.ZERO && byte <= BYTE.NINE;
}

export function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - BYTE.ZERO;
  const ones = (bytes[at + 1] as number) - BYTE.ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

const DAYS_IN_MONTH = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days in a month of the proleptic Gregorian calendar; 0 for a month that does not exist. */
export function daysInMonth(year: number, month: number): number {
  if (month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)) return 29;
  return DAYS_IN_MONTH[month] ?? 0;
}

/**
 * `YYYY-MM-DD` at `start` as days since the epoch; NaN where it is no date of the years 1 to 9999.
 */
export function plainDate(bytes: Uint8Array, start: number): number {
  const century = twoDigits(bytes, start);
  const yearInCentury = twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  if (century < 0 || yearInCentury < 0 || month < 1 || day < 1) return Number.NaN;
  if (bytes[start + 4] !== BYTE.MINUS || bytes[start + 7] !== BYTE.MINUS) return Number.NaN;
  const year = century * 100 + yearInCentury;
  if (year < 1 || day > daysInMonth(year, month)) return Number.NaN;
  return daysSinceEpoch(year, month, day);
}

/** Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
export function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
