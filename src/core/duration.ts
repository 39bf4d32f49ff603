/** Lengths of time as people write them (`"5m"`, `"1 day"`, `"1h 30m"`), in microseconds inside. */

const UNITS_US: Readonly<Record<string, number>> = {
  us: 1,
  microsecond: 1,
  ms: 1000,
  millisecond: 1000,
  s: 1_000_000,
  sec: 1_000_000,
  second: 1_000_000,
  m: 60_000_000,
  min: 60_000_000,
  minute: 60_000_000,
  h: 3_600_000_000,
  hour: 3_600_000_000,
  d: 86_400_000_000,
  day: 86_400_000_000,
  w: 604_800_000_000,
  week: 604_800_000_000,
};

const WHOLE = /^\s*(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+$/;
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/g;

export const DURATION_EXAMPLES = '"500ms", "30s", "5m", "1h 30m", "2 days"';

/**
 * Microseconds, or undefined for text that is no duration. Units from `us` to `w`, short, long or
 * plural; a day is 24 hours. Results are safe integers: at most 285 years, and no half microsecond.
 */
export function parseDuration(text: string): number | undefined {
  if (!WHOLE.test(text)) return undefined;
  let totalUs = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(PART)) {
    const unitUs = unitLengthUs(unit);
    if (unitUs === undefined) return undefined;
    totalUs += Number(amount) * unitUs;
  }
  // `1.1s` is 1100000.0000000001 in floating point.
  const roundedUs = Math.round(totalUs);
  if (Math.abs(totalUs - roundedUs) > 1e-3) return undefined;
  return Number.isSafeInteger(roundedUs) ? roundedUs : undefined;
}

function unitLengthUs(unit: string): number | undefined {
  if (Object.hasOwn(UNITS_US, unit)) return UNITS_US[unit];
  const singular = unit.length > 3 && unit.endsWith("s") ? unit.slice(0, -1) : "";
  return Object.hasOwn(UNITS_US, singular) ? UNITS_US[singular] : undefined;
}

const PRINTED: readonly (readonly [string, number])[] = [
  ["d", 86_400_000_000],
  ["h", 3_600_000_000],
  ["m", 60_000_000],
  ["s", 1_000_000],
  ["ms", 1000],
  ["us", 1],
];

/** The shortest exact text: `90m` is `1h 30m`, 0 is `0s`. `parseDuration` reads it back. */
export function formatDuration(us: number): string {
  if (us === 0) return "0s";
  let rest = Math.abs(us);
  const parts: string[] = [];
  for (const [unit, unitUs] of PRINTED) {
    const amount = Math.floor(rest / unitUs);
    if (amount > 0) parts.push(`${amount}${unit}`);
    rest -= amount * unitUs;
  }
  return `${us < 0 ? "-" : ""}${parts.join(" ")}`;
}
