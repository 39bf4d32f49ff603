/**
 * Dates and timestamps in all the forms that a column accepts, without a detour over floating
 * point.
 */
import { type ColumnPlan } from "../plan/plan.ts";
import { describe, type Exact, type Token } from "./token.ts";
import { daysInMonth } from "./plain-value.ts";

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|z|UTC|[+-]\d{2}(?::?\d{2})?)?$/;
const WHOLE_NUMBER = /^-?\d{1,19}$/;

const MIN_TIME_US = -62_135_596_800_000_000n; // 0001-01-01T00:00:00Z
const MAX_TIME_US = 253_402_300_799_999_999n; // 9999-12-31T23:59:59.999999Z

export function exactDate(token: Token): Exact {
  const match = token.kind === "text" ? DATE.exec(token.raw.trim()) : null;
  if (match === null)
    return {
      kind: "problem",
      reason: `expected a date such as 2026-01-31, found ${describe(token)}`,
    };
  if (!isDay(Number(match[1]), Number(match[2]), Number(match[3]))) {
    return { kind: "problem", reason: `${token.raw} is no day of the calendar (years 1 to 9999)` };
  }
  return { kind: "value", text: match[0] };
}

/**
 * Canonical text is `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Digits beyond the microsecond are cut, as in
 * PostgreSQL's input.
 */
export function exactTimestamp(column: ColumnPlan, token: Token): Exact {
  const timeUs =
    token.kind === "number" || (column.unit !== undefined && WHOLE_NUMBER.test(token.raw.trim()))
      ? epochNumberUs(column, token)
      : token.kind === "text"
        ? parseTimestampUs(token.raw.trim(), column.zone)
        : `expected a timestamp, found ${describe(token)}`;
  if (typeof timeUs === "string") return { kind: "problem", reason: timeUs };
  if (timeUs < MIN_TIME_US || timeUs > MAX_TIME_US) {
    return { kind: "problem", reason: `${describe(token)} lies outside the years 1 to 9999` };
  }
  return { kind: "value", text: formatTimestamp(timeUs) };
}

export function formatTimestamp(timeUs: bigint): string {
  const micros = ((timeUs % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const iso = new Date(Number((timeUs - micros) / 1000n)).toISOString();
  return `${iso.slice(0, 19)}.${String(micros).padStart(6, "0")}Z`;
}

const UNIT_PER_US = { s: 1_000_000n, ms: 1000n, us: 1n } as const;

function epochNumberUs(column: ColumnPlan, token: Token): bigint | string {
  const text = token.raw.trim();
  if (column.unit === undefined) {
    return `number ${text} needs a unit: declare the column with unit "s", "ms", "us" or "ns"`;
  }
  if (!WHOLE_NUMBER.test(text))
    return `expected a whole number of ${column.unit}, found ${describe(token)}`;
  const number = BigInt(text);
  if (column.unit !== "ns") return number * UNIT_PER_US[column.unit];
  return number >= 0n ? number / 1000n : -((999n - number) / 1000n);
}

/** Microseconds since the epoch, or the reason why the text is none. */
function parseTimestampUs(text: string, zone: string | undefined): bigint | string {
  const match = TIMESTAMP.exec(text);
  if (match === null) {
    return `expected a timestamp such as 2026-01-31T09:00:00Z, found ${describe({ kind: "text", raw: text })}`;
  }
  const [year, month, day, hour, minute, second] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  if (year === undefined || month === undefined || day === undefined) return "not a timestamp";
  if (!isDay(year, month, day)) return `${text} is no day of the calendar (years 1 to 9999)`;
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59)
    return `${text} is no time of day`;
  const localMs = utcMs(year, month, day, hour ?? 0, minute ?? 0, second ?? 0);
  const fractionUs = BigInt((match[7] ?? "").slice(0, 6).padEnd(6, "0"));
  const offset = match[8];
  if (offset !== undefined) {
    const minutes = offsetMinutes(offset);
    if (minutes === undefined) return `${text} has no such offset from UTC`;
    return BigInt(localMs - minutes * 60_000) * 1000n + fractionUs;
  }
  if (zone === undefined) {
    return `timestamp ${text} has no zone: add Z or an offset, or declare the column with a zone`;
  }
  return BigInt(localToUtcMs(localMs, zone)) * 1000n + fractionUs;
}

function isDay(year: number, month: number, day: number): boolean {
  return year >= 1 && day >= 1 && day <= daysInMonth(year, month);
}

function utcMs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date.getTime();
}

function offsetMinutes(offset: string): number | undefined {
  if (offset === "Z" || offset === "z" || offset === "UTC") return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(":", "") || 0);
  if (hours > 18 || minutes > 59) return undefined;
  return (offset.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** What a clock on the wall of `zone` shows at an instant, as if it were UTC. */
function wallClockMs(instantMs: number, zone: string): number {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      era: "short",
    });
    formatters.set(zone, formatter);
  }
  const parts = new Map(formatter.formatToParts(instantMs).map((part) => [part.type, part.value]));
  const read = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.get(name));
  const year = parts.get("era") === "BC" ? 1 - read("year") : read("year");
  return utcMs(year, read("month"), read("day"), read("hour"), read("minute"), read("second"));
}

/**
 * A wall clock time as an instant. Of a repeated hour it takes the first; a time that the clock
 * skips is read with the offset from before the gap, as java.time and PostgreSQL do.
 */
function localToUtcMs(localMs: number, zone: string): number {
  const before = localMs - (wallClockMs(localMs - 86_400_000, zone) - (localMs - 86_400_000));
  if (wallClockMs(before, zone) === localMs) return before;
  const after = localMs - (wallClockMs(localMs + 86_400_000, zone) - (localMs + 86_400_000));
  return wallClockMs(after, zone) === localMs ? after : before;
}
