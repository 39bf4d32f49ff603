import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DayRows, fileLimit, sliceDays } from "./slice-days.ts";

const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;

const days: fc.Arbitrary<readonly DayRows[]> = fc
  .uniqueArray(
    fc.record({
      day: fc.oneof(
        fc.integer({ min: FIRST_DAY, max: LAST_DAY }),
        fc.integer({ min: 20_000, max: 20_400 }),
      ),
      rows: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 })),
    }),
    { selector: (one) => one.day, maxLength: 400 },
  )
  .map((found) => found.sort((a, b) => a.day - b.day));

function dateOf(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}

describe("slices", () => {
  test("have every day once, with its rows, in the partition of its name", () => {
    fc.assert(
      fc.property(days, (all) => {
        const slices = sliceDays(all);
        for (const { day } of all) {
          const holding = slices.filter((one) => one.fromDay <= day && day <= one.toDay);
          expect(holding).toHaveLength(1);
          const partition = holding[0]?.partition ?? "";
          expect(partition === "all" || dateOf(day).startsWith(partition)).toBe(true);
        }
        for (const slice of slices) {
          const rows = all.filter(({ day }) => slice.fromDay <= day && day <= slice.toDay);
          expect(slice.rows).toBe(rows.reduce((sum, one) => sum + one.rows, 0));
        }
      }),
    );
  });

  test("are as few as asked for, and in order", () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 300 }), (all, limit) => {
        const slices = sliceDays(all, limit);
        expect(slices.length).toBeLessThanOrEqual(limit);
        const starts = slices.map((one) => one.fromDay);
        expect(starts).toEqual(starts.toSorted((a, b) => a - b));
      }),
    );
  });

  test("are days wherever all days fit", () => {
    fc.assert(
      fc.property(days, (all) => {
        const slices = sliceDays(all, all.length);
        expect(slices.map((one) => one.partition)).toEqual(all.map(({ day }) => dateOf(day)));
      }),
    );
  });
});

test("a day that holds most rows has its own file, however many others hold a few", () => {
  const strays = Array.from({ length: 300 }, (_, n) => ({ day: 18_000 + n, rows: 1 }));
  const slices = sliceDays([...strays, { day: 20_000, rows: 1_000_000 }]);
  expect(slices.at(-1)).toEqual({
    partition: dateOf(20_000),
    fromDay: 20_000,
    toDay: 20_000,
    rows: 1_000_000,
  });
});

test("the limit follows the rows, within bounds", () => {
  expect([0, 1, 50_000, 1e6, 1e9].map(fileLimit)).toEqual([8, 8, 12, 244, 256]);
});
