import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundariesBetween, windowBounds } from "../../src/plan/calendar.ts";
import { type WindowSize } from "../../src/plan/plan.ts";
import { windowOf } from "./window-of.ts";

const ZONES = [
  "UTC",
  "America/New_York",
  "Asia/Kolkata",
  "Pacific/Chatham",
  "America/Sao_Paulo",
  "Africa/Cairo",
  "Africa/Casablanca",
  "America/Havana",
  "America/St_Johns",
  "Australia/Lord_Howe",
  "Asia/Beirut",
  "Pacific/Apia",
] as const;

/**
 * Moments when some zone's day begins oddly, and any others of 1970 to 2035, to the microsecond.
 */
const odd = [
  "2018-11-04T03:00Z",
  "2024-04-25T22:00Z",
  "2025-11-02T04:00Z",
  "2006-10-29T02:31Z",
  "2011-12-30T10:00Z",
  "2024-10-05T15:30Z",
  "2023-03-25T22:00Z",
];
const instant = fc.oneof(
  fc
    .tuple(fc.constantFrom(...odd), fc.bigInt({ min: -7_200_000_001n, max: 7_200_000_001n }))
    .map(([text, off]) => BigInt(Date.parse(text)) * 1000n + off),
  fc.bigInt({ min: 0n, max: 2_051_222_400_000_000n }),
);

const size: fc.Arbitrary<WindowSize> = fc.oneof(
  fc.record({ kind: fc.constant("fixed" as const), us: fc.integer({ min: 1000, max: 1e12 }) }),
  fc.record({
    kind: fc.constant("calendar" as const),
    unit: fc.constantFrom("day" as const, "week" as const, "month" as const),
    count: fc.integer({ min: 1, max: 3 }),
  }),
);

describe("window bounds", () => {
  it("are those that the clocks on the wall show", () => {
    fc.assert(
      fc.property(size, fc.constantFrom(...ZONES), instant, (windowSize, zone, at) => {
        expect(windowBounds(windowSize, zone, at)).toEqual(windowOf(windowSize, zone, at));
      }),
      { numRuns: 100 },
    );
  });

  it("hold their instant and lie side by side, without gap or overlap", () => {
    fc.assert(
      fc.property(size, fc.constantFrom(...ZONES), instant, (windowSize, zone, at) => {
        const { startUs, endUs } = windowBounds(windowSize, zone, at);
        expect(startUs <= at && at < endUs).toBe(true);
        expect(windowBounds(windowSize, zone, endUs).startUs).toBe(endUs);
        expect(windowBounds(windowSize, zone, startUs - 1n).endUs).toBe(startUs);
        expect(boundariesBetween(windowSize, zone, at, endUs)).toEqual([startUs, endUs]);
      }),
      { numRuns: 2000 },
    );
  });
});
