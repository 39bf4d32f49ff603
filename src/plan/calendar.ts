/**
 * Where windows begin and end: fixed sizes from the epoch, calendar sizes by the clock of a zone.
 */
import { type WindowSize } from "./plan.ts";
import { ZoneClock } from "./zone-clock.ts";

/** Half-open, microseconds since the epoch. */
export interface WindowBounds {
  readonly startUs: bigint;
  readonly endUs: bigint;
}

type CalendarSize = Extract<WindowSize, { readonly kind: "calendar" }>;

const DAY_MS = 86_400_000;
/** 1970-01-01 was a Thursday; weeks begin on Mondays. */
const DAYS_FROM_MONDAY = 3;

/**
 * The window that an instant lies in. A calendar window begins when the clock of `timezone` first
 * shows its date at midnight, or at the end of the gap where the clock jumps over midnight; groups
 * of several days, weeks or months count from 1970-01-01, the Monday before it, and January 1970.
 */
export function windowBounds(size: WindowSize, timezone: string, instantUs: bigint): WindowBounds {
  if (size.kind === "fixed") {
    const us = BigInt(size.us);
    const startUs = floorDivide(instantUs, us) * us;
    return { startUs, endUs: startUs + us };
  }
  const clock = clockOf(timezone);
  const index = calendarIndex(size, clock, instantUs);
  return {
    startUs: BigInt(startOf(size, index, clock)) * 1000n,
    endUs: BigInt(startOf(size, index + 1, clock)) * 1000n,
  };
}

function calendarIndex(size: CalendarSize, clock: ZoneClock, instantUs: bigint): number {
  // Clocks change at whole seconds: what lies below the millisecond cannot matter.
  const instantMs = Number(floorDivide(instantUs, 1000n));
  let index = indexOf(size, instantMs + clock.offsetMs(instantMs));
  // Where a clock is turned back over midnight, the date that it shows again has ended already.
  while (instantMs >= startOf(size, index + 1, clock)) index++;
  while (instantMs < startOf(size, index, clock)) index--;
  return index;
}

/**
 * All borders between windows from `fromUs` (its own window's start) up to and including the first
 * one at or after `toUs`, in order. Windows of no length, on days that a zone left out, have none.
 */
export function boundariesBetween(
  size: WindowSize,
  timezone: string,
  fromUs: bigint,
  toUs: bigint,
): readonly bigint[] {
  const boundaries: bigint[] = [];
  let { startUs, endUs } = windowBounds(size, timezone, fromUs);
  boundaries.push(startUs);
  while (startUs < toUs) {
    boundaries.push(endUs);
    startUs = endUs;
    ({ endUs } = windowBounds(size, timezone, startUs));
  }
  return boundaries;
}

/** The number of the window that an instant lies in; that of 1970-01-01 in UTC is 0. */
export function windowIndex(size: WindowSize, timezone: string, instantUs: bigint): bigint {
  if (size.kind === "fixed") return floorDivide(instantUs, BigInt(size.us));
  return BigInt(calendarIndex(size, clockOf(timezone), instantUs));
}

/** Where the window of a number begins: where the one before it ends. */
export function windowStart(size: WindowSize, timezone: string, index: bigint): bigint {
  if (size.kind === "fixed") return index * BigInt(size.us);
  return BigInt(startOf(size, Number(index), clockOf(timezone))) * 1000n;
}

/** Which window, counted from the one of the epoch, has this date and time on its clock. */
function indexOf(size: CalendarSize, localMs: number): number {
  const day = Math.floor(localMs / DAY_MS);
  switch (size.unit) {
    case "day":
      return Math.floor(day / size.count);
    case "week":
      return Math.floor((day + DAYS_FROM_MONDAY) / (7 * size.count));
    case "month": {
      const date = new Date(localMs);
      return Math.floor(((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()) / size.count);
    }
  }
}

function startOf(size: CalendarSize, index: number, clock: ZoneClock): number {
  return clock.firstInstantMs(localStartMs(size, index));
}

function localStartMs(size: CalendarSize, index: number): number {
  switch (size.unit) {
    case "day":
      return index * size.count * DAY_MS;
    case "week":
      return (index * 7 * size.count - DAYS_FROM_MONDAY) * DAY_MS;
    case "month": {
      const date = new Date(0);
      date.setUTCFullYear(1970, index * size.count, 1);
      return date.getTime();
    }
  }
}

/** One clock a zone: what it learned about years stays true. */
const clocks = new Map<string, ZoneClock>();

function clockOf(timezone: string): ZoneClock {
  let clock = clocks.get(timezone);
  if (clock === undefined) {
    clock = new ZoneClock(timezone);
    clocks.set(timezone, clock);
  }
  return clock;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}
