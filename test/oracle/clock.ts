/**
 * Wall clocks by brute force: formats instants as text and looks for the moment when it changes.
 */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();
const starts = new Map<string, number>();

/** What a clock in the zone shows, as if it were UTC. Whole seconds only. */
export function wallMs(instantMs: number, zone: string): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(zone, format);
  }
  const rest = ((instantMs % 1000) + 1000) % 1000;
  const text = format.format(instantMs - rest);
  return Date.parse(`${text.replace(" ", "T")}Z`) + rest;
}

/** The first minute that shows `wall`; where the clock jumps over it, the minute after the jump. */
export function firstInstantMs(wall: number, zone: string): number {
  const key = `${zone} ${wall}`;
  const known = starts.get(key);
  if (known !== undefined) return known;
  let found: number | undefined;
  for (let ms = wall - DAY_MS; ms <= wall + DAY_MS && found === undefined; ms += MINUTE_MS) {
    const shown = wallMs(ms, zone);
    if (shown === wall) found = ms;
    else if (shown > wall && wallMs(ms - MINUTE_MS, zone) < wall && !isShownLater(wall, ms, zone))
      found = ms;
  }
  if (found === undefined) throw new Error(`${zone} never shows ${new Date(wall).toISOString()}`);
  starts.set(key, found);
  return found;
}

/** A jump over `wall` that is taken back later shows it after all. */
function isShownLater(wall: number, fromMs: number, zone: string): boolean {
  for (let ms = fromMs; ms <= wall + DAY_MS; ms += MINUTE_MS)
    if (wallMs(ms, zone) === wall) return true;
  return false;
}

export type DateUnit = "day" | "week" | "month" | "quarter" | "year";

/** Midnight at the start of the day, week, …, of a wall clock time; `steps` units later. */
export function wallStart(wall: number, unit: DateUnit, steps = 0): number {
  const day = Math.floor(wall / DAY_MS) * DAY_MS;
  const date = new Date(day);
  if (unit === "day") return day + steps * DAY_MS;
  if (unit === "week") {
    while (date.getUTCDay() !== 1) date.setUTCDate(date.getUTCDate() - 1);
    return date.getTime() + steps * 7 * DAY_MS;
  }
  date.setUTCDate(1);
  const months = { month: 1, quarter: 3, year: 12 }[unit];
  const count = (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
  const start = new Date(0);
  start.setUTCFullYear(1970, (Math.floor(count / months) + steps) * months, 1);
  return start.getTime();
}
