import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findKnee, type Probe } from "./find-knee.ts";

const SEARCH = { from: 1000, to: 1_000_000, factor: 2, precision: 0.05 };

/** A target that keeps up with so many, and what was asked of it. */
function target(capacity: number): {
  readonly asked: number[];
  readonly probe: (rate: number) => Promise<Probe>;
} {
  const asked: number[] = [];
  return {
    asked,
    probe: async (rate) => {
      asked.push(rate);
      return await Promise.resolve({
        rate,
        isSustained: rate <= capacity,
        isHopeless: rate > capacity * 1.1,
      });
    },
  };
}

describe("the knee", () => {
  it("lies within the precision below what the target can do, after few tries", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 20, max: 999_999 }), async (capacity) => {
        const { asked, probe } = target(capacity);
        const { best, failedRate = 0, probes } = await findKnee(SEARCH, probe);
        expect(best?.rate).toBeLessThanOrEqual(capacity);
        expect(failedRate).toBeGreaterThan(capacity);
        // Rates are whole: below 20 the next one is more than 5 % away.
        const most = Math.max((best?.rate ?? 0) * 1.05, (best?.rate ?? 0) + 1);
        expect(failedRate).toBeLessThanOrEqual(Math.ceil(most));
        expect(asked.length).toBeLessThan(26);
        expect(probes.map(({ rate }) => rate)).toEqual(asked);
      }),
    );
  });

  it("is the highest rate that was asked for where that goes well", async () => {
    const { asked, probe } = target(5_000_000);
    const { best, failedRate } = await findKnee({ ...SEARCH, to: 6000 }, probe);
    expect([best?.rate, failedRate]).toEqual([6000, undefined]);
    expect(asked).toEqual([1000, 2000, 4000, 6000]);
  });

  it("is nowhere where nothing goes well", async () => {
    const { best, failedRate, probes } = await findKnee(SEARCH, target(0).probe);
    expect(best).toBe(undefined);
    expect(failedRate).toBe(16);
    expect(probes.length).toBe(7);
  });

  it("is not given away by one hiccup", async () => {
    const { probe } = target(50_000);
    let tries = 0;
    const { best } = await findKnee(SEARCH, async (rate) => {
      tries += 1;
      const found = await probe(rate);
      return tries === 3 ? { ...found, isSustained: false } : found;
    });
    expect(best?.rate).toBeGreaterThan(47_000);
  });

  it("is what was found so far when the search is ended", async () => {
    const { probe } = target(50_000);
    let tries = 0;
    const { best, probes } = await findKnee(SEARCH, async (rate) => {
      tries += 1;
      return tries > 3 ? undefined : await probe(rate);
    });
    expect(best?.rate).toBe(4000);
    expect(probes.length).toBe(3);
  });
});
