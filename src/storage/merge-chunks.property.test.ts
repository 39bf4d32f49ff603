import fc from "fast-check";
import { expect, test } from "vitest";
import { sql } from "../core/sql.ts";
import {
  DAY_US,
  KEYED,
  rowText,
  StorageFixture,
  type TickRow,
} from "../../test/support/storage-fixture.ts";
import { chunkRelation } from "./chunk-reader.ts";
import { writeChunks } from "./chunk-writer.ts";
import { type ChunkRecord } from "./manifest.ts";
import { mergeChunks } from "./merge-chunks.ts";
import { planMerges, sizeClass } from "./merge.ts";

const POLICY = { fanIn: 3, maxBytes: 1e9 };
const MAX_ROUNDS = 60;

/** Few keys and few times a day, so that they repeat; days from one month to some years. */
const row: fc.Arbitrary<TickRow> = fc.record({
  at: fc
    .record({
      day: fc.oneof(fc.integer({ min: 20_000, max: 20_004 }), fc.integer({ min: -400, max: 1500 })),
      us: fc.constantFrom(0n, 1n, DAY_US - 1n),
    })
    .map(({ day, us }) => BigInt(day) * DAY_US + us),
  symbol: fc.constantFrom("A", "B"),
  price: fc.option(fc.integer({ min: 0, max: 9 })),
  deleted: fc.boolean(),
});

const checkpoints = fc.array(fc.array(row, { minLength: 1, maxLength: 30 }), {
  minLength: 1,
  maxLength: 9,
});

/** `at symbol price` of the newest row of each key, unless that took the key back. */
function newestOf(scripts: readonly (readonly TickRow[])[]): readonly string[] {
  const newest = new Map<string, TickRow>();
  for (const one of scripts.flat()) newest.set(`${one.at} ${one.symbol}`, one);
  return [...newest]
    .filter(([, one]) => one.deleted !== true)
    .map(([key, one]) => `${key} ${one.price ?? ""}`)
    .sort();
}

async function newestIn(
  fixture: StorageFixture,
  chunks: readonly ChunkRecord[],
): Promise<readonly string[]> {
  const rows = chunkRelation(KEYED, ["_deleted", "_seq"], chunks, fixture.directory, {});
  if (rows === null) return [];
  const found = await fixture.connection.values(
    sql`SELECT epoch_us("at"), symbol, price FROM
          (SELECT "at", symbol, price, _deleted FROM ${rows} AS r
           QUALIFY row_number() OVER (PARTITION BY symbol, "at" ORDER BY _seq DESC) = 1) AS n
         WHERE NOT _deleted`,
  );
  return found.map(rowText).sort();
}

async function expectNoRepeats(
  fixture: StorageFixture,
  chunks: readonly ChunkRecord[],
  days: readonly number[],
): Promise<void> {
  const rows = chunkRelation(KEYED, ["_seq"], chunks, fixture.directory, {});
  if (rows === null || days.length === 0) return;
  const repeats = await fixture.connection.values(
    sql`SELECT symbol FROM ${rows} AS r
         WHERE epoch_us("at") // 86400000000 IN (${sql.join(days.map((day) => sql.literal(day)))})
         GROUP BY symbol, "at" HAVING count(*) > 1`,
  );
  expect(repeats, "a day that was said to be whole repeats a key").toEqual([]);
}

test("merging to the end changes no answer, keeps its promises, and ends", async () => {
  await fc.assert(
    fc.asyncProperty(checkpoints, async (scripts) => {
      await using fixture = await StorageFixture.open();
      let chunks: readonly ChunkRecord[] = [];
      for (const rows of scripts) {
        const source = await fixture.source(rows, KEYED, { hasTombstones: true });
        chunks = [...chunks, ...(await writeChunks(fixture.target, source))];
      }
      const expected = newestOf(scripts);
      expect(await newestIn(fixture, chunks)).toEqual(expected);
      let rounds = 0;
      for (let merge = next(chunks); merge !== undefined; merge = next(chunks)) {
        const gone = new Set(merge.chunks);
        const source = { dataset: KEYED, hasTombstones: true, merge };
        const merged = await mergeChunks(fixture.target, source);
        chunks = [...chunks.filter((chunk) => !gone.has(chunk)), ...merged];
        await expectNoRepeats(fixture, chunks, merge.wholeDays);
        expect(await newestIn(fixture, chunks)).toEqual(expected);
        expect(++rounds).toBeLessThan(MAX_ROUNDS);
      }
      expect(largestGroup(chunks)).toBeLessThan(POLICY.fanIn);
    }),
    { numRuns: 25 },
  );
});

function next(chunks: readonly ChunkRecord[]): ReturnType<typeof planMerges>[number] | undefined {
  return planMerges(chunks, POLICY)[0];
}

function largestGroup(chunks: readonly ChunkRecord[]): number {
  const counts = new Map<string, number>();
  for (const chunk of chunks) {
    const name = `${chunk.partition} ${sizeClass(chunk.bytes, POLICY.fanIn)}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
