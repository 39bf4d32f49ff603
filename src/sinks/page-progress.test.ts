import fc from "fast-check";
import { expect, it } from "vitest";
import { namedDelivery } from "../../test/support/row-keeper.ts";
import { type DeliveredCounts, PageProgress } from "./page-progress.ts";

it("moves the cursor up to the first row that is open, in whatever order rows are settled", () => {
  const lanesOf = fc.array(fc.record({ lane: fc.nat(2), isSkipped: fc.boolean() }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(lanesOf, fc.infiniteStream(fc.nat(2)), (rows, turns) => {
      // Every second number has no row, and so have the last ones of the page.
      const deliveries = rows.map((_, index) => namedDelivery(`n${index}`, index * 2 + 1, 1));
      const throughSeq = rows.length * 2 + 5;
      const open = new Set(deliveries);
      const told: (readonly [number, DeliveredCounts])[] = [];
      const progress = new PageProgress({ deliveries, throughSeq }, (seq, counts) => {
        told.push([seq, counts]);
        const firstOpen = [...open][0];
        if (firstOpen === undefined) expect(seq).toBe(throughSeq);
        else expect(seq).toBeLessThan(firstOpen.seq);
      });
      for (const turn of turns) {
        if (open.size === 0) break;
        const next = [...open].find(({ seq }) => rows[(seq - 1) / 2]?.lane === turn);
        if (next === undefined) continue;
        open.delete(next);
        progress.settle([next], rows[(next.seq - 1) / 2]?.isSkipped ? "skipped" : "delivered");
      }
      const skipped = rows.filter(({ isSkipped }) => isSkipped).length;
      const sum = (of: keyof DeliveredCounts): number =>
        told.reduce((total, [, counts]) => total + counts[of], 0);
      expect([sum("delivered"), sum("skipped")]).toEqual([rows.length - skipped, skipped]);
      expect(told.at(-1)?.[0]).toBe(throughSeq);
      expect(told.map(([seq]) => seq)).toEqual(told.map(([seq]) => seq).toSorted((a, b) => a - b));
    }),
  );
});
