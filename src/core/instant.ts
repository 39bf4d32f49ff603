/** Points in time as people write them, in microseconds inside. */

const INSTANT =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d))?$/;

export const INSTANT_EXAMPLES = "2026-01-31, 2026-01-31T09:00:00Z";

/**
 * Microseconds since the epoch, or undefined for text that is no such time. A date alone is its
 * midnight in UTC; with a time of day, `Z` or an offset has to say where that was.
 */
export function parseInstant(text: string): bigint | undefined {
  const match = INSTANT.exec(text.trim());
  if (match === null) return undefined;
  const [, date = "", time = "00:00", second = "00", fraction = "", zone = "Z"] = match;
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone;
  const ms = Date.parse(`${date}T${time}:${second}${offset}`);
  // `Date` takes the 31st of June for the 1st of July.
  if (Number.isNaN(ms) || !isDay(date)) return undefined;
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, "0"));
}

function isDay(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}
