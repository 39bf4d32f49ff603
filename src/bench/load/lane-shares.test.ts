/** Shares of connections, whatever the nodes of a cluster weigh. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealLanes, moveLanes } from "./lane-shares.ts";

function countsOf(places: readonly number[], nodes: number): readonly number[] {
  return Array.from({ length: nodes }, (_, node) => places.filter((each) => each === node).length);
}

describe("connections", () => {
  it("go to equal nodes in turns", () => {
    expect(dealLanes(7, [8, 8, 8])).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it("of a master that is gone all go to the one that took its keys", () => {
    expect(moveLanes([0, 1, 2, 0, 1, 2], [0, 5, 5, 5])).toEqual([3, 1, 2, 3, 1, 2]);
  });

  it("go to a new master as its share grows, and no others move", () => {
    const before = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2];
    expect(moveLanes(before, [20, 20, 19, 1])).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 3]);
    expect(countsOf(moveLanes(before, [15, 15, 15, 15]), 4)).toEqual([3, 3, 3, 3]);
  });

  it("are shared by weight to the next whole one, and one at least for each that has some", () => {
    const weights = fc
      .array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 8 })
      .filter((all) => all.some((weight) => weight > 0));
    fc.assert(
      fc.property(weights, weights, fc.integer({ min: 1, max: 60 }), (first, next, lanes) => {
        const nodes = Math.max(first.length, next.length);
        const grown = Array.from({ length: nodes }, (_, node) => next[node] ?? 0);
        const dealt = dealLanes(lanes, first);
        const moved = moveLanes(dealt, grown);
        for (const [places, weighed] of [
          [dealt, first],
          [moved, grown],
        ] as const) {
          const counts = countsOf(places, nodes);
          const used = weighed.filter((weight) => weight > 0).length;
          const total = weighed.reduce((sum, weight) => sum + weight, 0);
          counts.forEach((count, node) => {
            const weight = weighed[node] ?? 0;
            if (weight === 0) expect(count).toBe(0);
            else if (lanes >= used) expect(count).toBeGreaterThan(0);
            // One at least for the light ones is taken from the heavy ones.
            expect(count).toBeLessThan(Math.max(1, (lanes * weight) / total) + 1);
          });
        }
        expect(moveLanes(moved, grown)).toEqual(moved);
      }),
    );
  });
});
