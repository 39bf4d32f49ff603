import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chunkRecord, DAY_US } from "../../test/support/storage-fixture.ts";
import { type ChunkRecord } from "./manifest.ts";
import { type MergePolicy, planMerges, sizeClass, SMALLEST_CLASS_BYTES } from "./merge.ts";

const KIB = 1024;
const POLICY: MergePolicy = { fanIn: 8, maxBytes: 256 * KIB * KIB };
const CLASSES = sizeClass(POLICY.maxBytes, POLICY.fanIn) + 1;

interface Sized {
  readonly chunk: ChunkRecord;
  /** How often its bytes were rewritten above the smallest class. */
  readonly rewrites: number;
}

function sized(id: number, bytes: number, rewrites: number): Sized {
  return { chunk: chunkRecord(id, { bytes }), rewrites };
}

/**
 * Chunks of one partition, one checkpoint after the other, merged until nothing is left to merge.
 */
function live(sizes: readonly number[], policy: MergePolicy): { chunks: Sized[]; rounds: number } {
  let chunks: Sized[] = [];
  let id = 0;
  let rounds = 0;
  for (const bytes of sizes) {
    chunks.push(sized(++id, bytes, 0));
    for (;;) {
      const all = chunks.map((one) => one.chunk);
      const merges = planMerges(all, policy);
      if (merges.length === 0) break;
      for (const merge of merges) {
        rounds++;
        const gone = new Set(merge.chunks);
        const before = chunks.filter((one) => gone.has(one.chunk));
        const total = before.reduce((sum, one) => sum + one.chunk.bytes, 0);
        const isSmall = total <= SMALLEST_CLASS_BYTES;
        const rewrites = Math.max(...before.map((one) => one.rewrites)) + (isSmall ? 0 : 1);
        chunks = chunks.filter((one) => !gone.has(one.chunk));
        chunks.push(sized(++id, total, rewrites));
      }
    }
  }
  return { chunks, rounds };
}

const sizes = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 4 * KIB }),
    fc.integer({ min: 1, max: 8 * KIB * KIB }),
    fc.constant(SMALLEST_CLASS_BYTES),
    fc.constant(SMALLEST_CLASS_BYTES + 1),
  ),
  { maxLength: 300 },
);

describe("merging as chunks come", () => {
  test("keeps less than fanIn chunks of a class, and never touches large ones", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 2, max: 8 }), (all, fanIn) => {
        const policy = { ...POLICY, fanIn };
        const { chunks } = live(all, policy);
        const counts = new Map<number, number>();
        for (const { chunk } of chunks) {
          if (chunk.bytes >= policy.maxBytes) continue;
          const found = sizeClass(chunk.bytes, fanIn);
          counts.set(found, (counts.get(found) ?? 0) + 1);
        }
        for (const count of counts.values()) expect(count).toBeLessThan(fanIn);
        const total = chunks.reduce((sum, one) => sum + one.chunk.bytes, 0);
        expect(total).toBe(all.reduce((sum, bytes) => sum + bytes, 0));
      }),
    );
  });

  test("rewrites no byte more often than there are classes", () => {
    fc.assert(
      fc.property(sizes, (all) => {
        for (const { rewrites } of live(all, POLICY).chunks) {
          expect(rewrites).toBeLessThanOrEqual(CLASSES);
        }
      }),
    );
  });

  test("keeps a day of one-row checkpoints small: 2,880 of them are a handful of files", () => {
    const { chunks, rounds } = live(
      Array.from({ length: 2880 }, () => 2000),
      POLICY,
    );
    expect(chunks.length).toBeLessThan(2 * POLICY.fanIn);
    expect(rounds).toBeLessThan(2880 / (POLICY.fanIn - 1) + CLASSES * POLICY.fanIn);
  });
});

/** Chunks of any partitions, with days inside them. */
const chunks = fc
  .array(
    fc.record({
      partition: fc.constantFrom("2026-01-01", "2026-01-02", "2026-01", "2026", "all"),
      first: fc.integer({ min: -3, max: 12 }),
      length: fc.integer({ min: 0, max: 6 }),
      bytes: fc.constantFrom(1000, SMALLEST_CLASS_BYTES * 2, POLICY.maxBytes),
    }),
    { maxLength: 40 },
  )
  .map((found) =>
    found.map(({ partition, first, length, bytes }, id) =>
      chunkRecord(id, {
        partition,
        bytes,
        minEventTimeUs: String(BigInt(first) * DAY_US + 5n),
        maxEventTimeUs: String(BigInt(first + length) * DAY_US + 6n),
      }),
    ),
  );

function daysOf(chunk: ChunkRecord): readonly number[] {
  const floor = (text: string): number => Math.floor(Number(text) / Number(DAY_US));
  const first = floor(chunk.minEventTimeUs);
  return Array.from({ length: floor(chunk.maxEventTimeUs) - first + 1 }, (_, n) => first + n);
}

test("a merge knows of which days it has all chunks", () => {
  fc.assert(
    fc.property(chunks, (all) => {
      for (const merge of planMerges(all, { ...POLICY, fanIn: 3 })) {
        const touched = new Set(merge.chunks.flatMap(daysOf));
        const others = all.filter((one) => !merge.chunks.includes(one));
        const elsewhere = new Set(others.flatMap(daysOf));
        const whole = [...touched].filter((day) => !elsewhere.has(day));
        expect(new Set(merge.wholeDays)).toEqual(new Set(whole));
        expect(merge.isWhole).toBe(whole.length === touched.size);
        expect(new Set(merge.chunks.map((one) => one.partition)).size).toBe(1);
      }
    }),
  );
});

test("a merge over more days than are worth counting claims none of them", () => {
  const wide = Array.from({ length: 8 }, (_, id) =>
    chunkRecord(id, {
      partition: "all",
      minEventTimeUs: "-62135596800000000",
      maxEventTimeUs: "253402300799999999",
    }),
  );
  expect(planMerges(wide, POLICY)).toMatchObject([{ wholeDays: [], isWhole: false }]);
});
