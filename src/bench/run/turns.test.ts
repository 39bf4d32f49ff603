import { expect, it } from "vitest";
import { turnsFor } from "./turns.ts";

const CLOSED = { kind: "closed" } as const;

it.each([
  ["a quick target gets the shortest slices", 300_000, { sliceMs: 25, pairs: 400 }],
  ["a slower one as long ones as p99 needs", 40_000, { sliceMs: 50, pairs: 200 }],
  ["a slow one the longest", 1000, { sliceMs: 100, pairs: 100 }],
  ["one that nothing is known of the longest", 0, { sliceMs: 100, pairs: 100 }],
])("in a closed loop %s", (_, perSecond, turns) => {
  expect(turnsFor({}, CLOSED, perSecond)).toEqual(turns);
});

it.each([
  ["10,000 a second", 10_000, { sliceMs: 110, pairs: 100 }],
  ["100,000 a second", 100_000, { sliceMs: 25, pairs: 400 }],
  ["10 a second: p99 is given up", 10, { sliceMs: 2000, pairs: 100 }],
])("at a rate it decides, whatever the targets could do: %s", (_, rate, turns) => {
  const pace = { kind: "open", perSecond: rate, arrival: "constant" } as const;
  expect(turnsFor({}, pace, 1)).toEqual(turns);
});

it.each([
  ["threads", 300_000, { sliceMs: 50, pairs: 200 }],
  ["threads", 1000, { sliceMs: 100, pairs: 100 }],
  ["agents", 300_000, { sliceMs: 200, pairs: 50 }],
  ["agents", 1000, { sliceMs: 200, pairs: 50 }],
] as const)("of %s are longer, because these never start at once: %i a second", (...row) => {
  const [carrier, perSecond, turns] = row;
  expect(turnsFor({}, CLOSED, perSecond, carrier)).toEqual(turns);
});

it("keeps what was asked for", () => {
  const wanted = { pairs: 7, sliceMs: 33, measuredMs: 4000 };
  expect(turnsFor(wanted, CLOSED, 1e6)).toEqual({ pairs: 7, sliceMs: 33 });
  expect(turnsFor({ sliceMs: 40 }, CLOSED, 1e6)).toEqual({ pairs: 250, sliceMs: 40 });
  expect(turnsFor({ measuredMs: 100 }, CLOSED, 0)).toEqual({ pairs: 10, sliceMs: 100 });
});
