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
      { startUs: 0n, lastUs: 4n, isPublished: true },
      { startUs: 20n, lastUs: 20n, isPublished: true },
      { startUs: 40n, lastUs: 45n, isPublished: false },
    ];
    for (const times of permutations([12n, 29n, 35n, 7n])) {
      const { swallowedUs, beyond, steps } = joinSessions(rules, known, late(times));
      expect(swallowedUs.toSorted((a, b) => Number(a - b))).toEqual([0n, 20n]);
      expect(beyond).toEqual([]);
      expect(steps.length).toBeGreaterThan(1);
    }
  });

  it("touch a session less than a gap away, and no further", () => {
    const known = [{ startUs: 20n, lastUs: 20n, isPublished: true }];
    const swallowed = (timeUs: bigint): readonly bigint[] =>
      joinSessions(rules, known, late([timeUs])).swallowedUs;
    expect([10n, 30n].map(swallowed)).toEqual([[], []]);
    expect([11n, 29n].map(swallowed)).toEqual([[20n], [20n]]);
  });

  it("come too late by the session that they would join, not by their own time", () => {
    const known = [{ startUs: 20n, lastUs: 60n, isPublished: false }];
    const strict = { ...rules, allowedLatenessUs: 0n };
    expect(joinSessions(strict, known, late([15n, 1n])).beyond).toEqual([
      { seq: 1n, startUs: 1n, endUs: 11n },
    ]);
    expect(joinSessions(strict, known, late([15n, 8n])).beyond).toEqual([]);
  });
});
