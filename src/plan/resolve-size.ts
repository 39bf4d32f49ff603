/** Checks how long windows are, how often they begin, and by whose clock. */
import { formatDuration, parseDuration } from "../core/duration.ts";
import { type WindowSize } from "./plan.ts";
import { type Problems, show } from "./problem.ts";
import { sizeText } from "./window-size.ts";
import { zoneProblem } from "./zone.ts";

const MIN_SIZE_US = 1000;
const DAY_US = 86_400_000_000;
const MAX_SIZE_US = 366 * DAY_US;
const SIZE_EXAMPLES = '"30s", "5m", "1h", "1 day", "1 week", "1 month"';
const DEFAULT_ZONE = "UTC";
/** A row belongs to as many windows; ten seconds of a day are 8,640. */
const MAX_PANES = 10_000;

const CALENDAR = /^\s*(\d+)\s*(d|days?|w|weeks?|mo|months?|quarters?|y|years?)\s*$/;

/** A fixed length, or one of the calendar. */
export function resolveSize(value: unknown, problems: Problems): WindowSize | undefined {
  const match = typeof value === "string" ? CALENDAR.exec(value) : null;
  if (match !== null) return calendarSize(Number(match[1]), match[2] ?? "", value, problems);
  const us = typeof value === "string" ? parseDuration(value) : undefined;
  if (us === undefined) return problems.add(show(value), "a size", SIZE_EXAMPLES);
  if (us >= MIN_SIZE_US && us <= MAX_SIZE_US) return { kind: "fixed", us };
  return problems.add(show(value), "a size from 1 millisecond to 366 days", SIZE_EXAMPLES);
}

/** One row a first letter; `m` is taken by minutes, so months begin with `mo`. */
const CALENDAR_UNITS = [
  { prefix: "d", unit: "day", months: 1, max: 366 },
  { prefix: "w", unit: "week", months: 1, max: 53 },
  { prefix: "mo", unit: "month", months: 1, max: 120 },
  { prefix: "q", unit: "month", months: 3, max: 40 },
  { prefix: "y", unit: "month", months: 12, max: 10 },
] as const;

function calendarSize(
  count: number,
  word: string,
  value: unknown,
  problems: Problems,
): WindowSize | undefined {
  const row = CALENDAR_UNITS.find((one) => word.startsWith(one.prefix));
  if (row === undefined || count < 1 || count > row.max) {
    return problems.add(show(value), `1 to ${row?.max ?? 1} of them`, SIZE_EXAMPLES);
  }
  return { kind: "calendar", unit: row.unit, count: count * row.months };
}

export function resolveTimezone(
  value: unknown,
  size: WindowSize | undefined,
  problems: Problems,
): string {
  if (value === undefined) return DEFAULT_ZONE;
  const hint = zoneProblem(value);
  if (hint !== undefined) problems.add(show(value), "the name of a time zone", hint);
  else if (size?.kind === "fixed" && value !== "UTC") {
    problems.add(
      show(value),
      "no zone: sizes of fixed length count from 1970-01-01 in UTC",
      'leave it out, or take a size of the calendar such as "1 day"',
    );
  }
  return typeof value === "string" ? value : DEFAULT_ZONE;
}

/** How many slides a hopping window lasts; undefined where a problem was reported. */
export function resolveHop(
  size: WindowSize,
  every: WindowSize,
  timezone: string,
  problems: Problems,
): number | undefined {
  const lengths = comparable(size, every, timezone);
  if (lengths === undefined) {
    return problems
      .at("every")
      .add(
        `${sizeText(every)} in a window of ${sizeText(size)}`,
        "two lengths in one unit: by the calendar, days and months differ in length",
        size.kind === "fixed" ? 'every: "1h"' : `every: "1 ${size.unit}"`,
      );
  }
  const panes = lengths.size / lengths.every;
  if (Number.isInteger(panes) && panes <= MAX_PANES) return panes;
  if (Number.isInteger(panes)) {
    return problems
      .at("every")
      .add(
        `${panes} windows that overlap`,
        `at most ${MAX_PANES} slides in a window`,
        "let windows begin less often",
      );
  }
  const up = Math.ceil(panes) * lengths.every;
  return problems
    .at("size")
    .add(
      sizeText(size),
      `a multiple of the slide, ${sizeText(every)}`,
      lengths.unit === "us"
        ? `size: "${formatDuration(up)}"`
        : `size: "${up} ${lengths.unit}${up === 1 ? "" : "s"}"`,
    );
}

interface Lengths {
  readonly size: number;
  readonly every: number;
  readonly unit: "us" | "day" | "month";
}

/** Both lengths in one unit in which they are always the same; undefined where there is none. */
function comparable(size: WindowSize, every: WindowSize, timezone: string): Lengths | undefined {
  const [months, ofMonths] = [monthsOf(size), monthsOf(every)];
  if (months !== undefined && ofMonths !== undefined) {
    return { size: months, every: ofMonths, unit: "month" };
  }
  const [days, ofDays] = [daysOf(size), daysOf(every)];
  if (days !== undefined && ofDays !== undefined) {
    return { size: days, every: ofDays, unit: "day" };
  }
  // Only without a clock that is turned on and back are days as long as 24 hours.
  if (timezone !== "UTC") return undefined;
  const us = size.kind === "fixed" ? size.us : days === undefined ? undefined : days * DAY_US;
  const ofUs =
    every.kind === "fixed" ? every.us : ofDays === undefined ? undefined : ofDays * DAY_US;
  return us === undefined || ofUs === undefined ? undefined : { size: us, every: ofUs, unit: "us" };
}

function monthsOf(size: WindowSize): number | undefined {
  return size.kind === "calendar" && size.unit === "month" ? size.count : undefined;
}

function daysOf(size: WindowSize): number | undefined {
  if (size.kind === "fixed" || size.unit === "month") return undefined;
  return size.unit === "week" ? size.count * 7 : size.count;
}
