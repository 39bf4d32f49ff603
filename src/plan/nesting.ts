/** Whether the windows of one grid lie whole in those of another. */
import { windowIndex, windowStart } from "./calendar.ts";
import { type WindowSize } from "./plan.ts";

export interface Grid {
  readonly size: WindowSize;
  readonly timezone: string;
}

const DAY_US = 86_400_000_000;
const MONTH: WindowSize = { kind: "calendar", unit: "month", count: 1 };
/** Zones change their distance from UTC now and then: the years in which they are looked at. */
const LOOKED_AT = [1975, 1990, 2005, 2020, 2035];

/**
 * True where every border of `outer` is one of `inner`. Of fixed windows in days of a zone that
 * holds for its clock of today; where it once differed, a window belongs to the day it begins in.
 */
export function nests(inner: Grid, outer: Grid): boolean {
  if (inner.size.kind === "fixed") {
    const us = inner.size.us;
    if (outer.size.kind === "fixed") return outer.size.us % us === 0;
    return DAY_US % us === 0 && midnights(outer.timezone).every((at) => at % BigInt(us) === 0n);
  }
  if (outer.size.kind === "fixed") {
    const isInDays = inner.size.unit === "day" && inner.timezone === "UTC";
    return isInDays && outer.size.us % (inner.size.count * DAY_US) === 0;
  }
  if (inner.timezone !== outer.timezone) return false;
  if (inner.size.unit === outer.size.unit) return outer.size.count % inner.size.count === 0;
  return inner.size.unit === "day" && inner.size.count === 1;
}

/** When months begin in a zone: in winter and in summer. */
function midnights(timezone: string): readonly bigint[] {
  return LOOKED_AT.flatMap((year) => {
    const first = windowIndex(MONTH, timezone, BigInt(Date.UTC(year, 0, 2)) * 1000n);
    return Array.from({ length: 12 }, (_, month) =>
      windowStart(MONTH, timezone, first + BigInt(month)),
    );
  });
}
