/** Figures as people read them. */

const counts = new Intl.NumberFormat("en-US");

/** `3,000,000` */
export function showCount(value: number | bigint): string {
  return counts.format(value);
}

/** `1 row`, `2 rows`. */
export function showMany(value: number, one: string, many = `${one}s`): string {
  return `${showCount(value)} ${value === 1 ? one : many}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Three digits and a binary unit: `1.46 GiB`. */
export function showBytes(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${UNITS[unit] ?? "B"}`;
}

/** `12.3 ms`, `4.56 s`, `3 min 20 s`. */
export function showElapsed(elapsedMs: number): string {
  if (elapsedMs < 1000) return `${threeDigits(elapsedMs)} ms`;
  if (elapsedMs < 100_000) return `${threeDigits(elapsedMs / 1000)} s`;
  const seconds = Math.round(elapsedMs / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** A time without a fraction that is zero: `2026-01-05T16:00:00Z`. */
export function showTime(text: string): string {
  return text.replace(/\.0+(?=Z?$)/, "");
}

/** `2026-01-05 16:00:07`: to the second, of a time in UTC. */
export function showSecond(text: string): string {
  return text.slice(0, 19).replace("T", " ");
}

const AGES = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** In the largest unit of which there are two: `45 s`, `89 min`, `324 d`. */
export function showAge(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const length = Math.abs(ms);
  const [unit, unitMs] = AGES.find(([, one]) => length >= 2 * one) ?? ["s", 1000];
  return `${sign}${showCount(Math.floor(length / unitMs))} ${unit}`;
}

function threeDigits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
