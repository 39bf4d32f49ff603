import { describe, expect, it } from "vitest";
import { joinSessions, type SessionRow } from "./join-sessions.ts";

const rules = { gapUs: 10n, allowedLatenessUs: 100n, late: "update" } as const;

function permutations<T>(values: readonly T[]): readonly (readonly T[])[] {
  if (values.length === 0) return [[]];
  return values.flatMap((value, at) =>
    permutations(values.toSpliced(at, 1)).map((rest) => [value, ...rest]),
  );
}

function late(times: readonly bigint[], behindUs = 50n): readonly SessionRow[] {
  return times.map((timeUs, at) => ({ seq: BigInt(at), timeUs, behindUs }));
}

describe("late rows", () => {
  it("take the same published sessions back, in whatever order they come", () => {
    const known = [
      { startUs: 0n, lastUs: 4n, isPublished: true, late: 0n },
      { startUs: 20n, lastUs: 20n, isPublished: true, late: 0n },
      { startUs: 40n, lastUs: 45n, isPublished: false, late: 0n },
    ];
    for (const times of permutations([12n, 29n, 35n, 7n])) {
      const { swallowedUs, beyond, steps } = joinSessions(rules, known, late(times));
      expect(swallowedUs.toSorted((a, b) => Number(a - b))).toEqual([0n, 20n]);
      expect(beyond).toEqual([]);
      expect(steps.length).toBeGreaterThan(1);
    }
  });

  it("take back what other groupings of the same rows would have published", () => {
    const rows = [
      { seq: 0n, timeUs: 0n, behindUs: null },
      { seq: 1n, timeUs: 15n, behindUs: null },
      { seq: 2n, timeUs: 60n, behindUs: null },
      // Both sessions are over by now, and this row joins them.
      { seq: 3n, timeUs: 8n, behindUs: 60n },
    ];
    const { passing, swallowedUs } = joinSessions(rules, [], rows);
    expect(swallowedUs).toEqual([]);
    expect(passing.map(({ startUs, late }) => [startUs, late])).toEqual([
      [0n, 0n],
      [15n, 0n],
    ]);
  });

  it("touch a session less than a gap away, and no further", () => {
    const known = [{ startUs: 20n, lastUs: 20n, isPublished: true, late: 0n }];
    const swallowed = (timeUs: bigint): readonly bigint[] =>
      joinSessions(rules, known, late([timeUs])).swallowedUs;
    expect([10n, 30n].map(swallowed)).toEqual([[], []]);
    expect([11n, 29n].map(swallowed)).toEqual([[20n], [20n]]);
  });

  it("come too late by the session that they would join, not by their own time", () => {
    const known = [{ startUs: 20n, lastUs: 60n, isPublished: false, late: 0n }];
    const strict = { ...rules, allowedLatenessUs: 0n };
    expect(joinSessions(strict, known, late([15n, 1n])).beyond).toEqual([
      { seq: 1n, startUs: 1n, endUs: 11n },
    ]);
    expect(joinSessions(strict, known, late([15n, 8n])).beyond).toEqual([]);
  });
});
