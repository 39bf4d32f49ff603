import fc from "fast-check";
import { expect, test } from "vitest";
import { openFixture } from "../../test/query/fixture.ts";
import { sql } from "../core/sql.ts";
import { pageEtag, type PageAnswer } from "./page.ts";

const COLUMNS = [
  { name: "at", type: { kind: "timestamp" }, nullable: false },
  { name: "n", type: { kind: "int64" }, nullable: false },
] as const;

interface Script {
  readonly times: readonly number[];
  readonly arrivals: readonly number[];
  readonly limit: number;
  readonly order: "asc" | "desc";
}

/** Few different times, so that most are shared; before and after the epoch. */
const script: fc.Arbitrary<Script> = fc.record({
  times: fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 60 }),
  arrivals: fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 20 }),
  limit: fc.integer({ min: 1, max: 9 }),
  order: fc.constantFrom("asc", "desc"),
});

function numbersOf(answer: PageAnswer): readonly number[] {
  const body = JSON.parse(Buffer.from(answer.body).toString()) as { rows: { n: number }[] };
  return body.rows.map((row) => row.n);
}

test("pages give every row once and in order, also while rows arrive", async () => {
  await using fixture = await openFixture();
  await fixture.create("ticks", "at", COLUMNS);
  await fc.assert(
    fc.asyncProperty(script, async ({ times, arrivals, limit, order }) => {
      await fixture.connection.run(sql`DELETE FROM mem.ticks`);
      const rows = [...times, ...arrivals].map((time, n) => ({ time: BigInt(time), n }));
      const append = (from: number, to: number) =>
        fixture.connection.append(
          ["mem", "ticks"],
          rows.slice(from, to).map(({ time, n }) => [time, n, n + 1]),
        );
      append(0, times.length);
      const seen: number[] = [];
      let cursor: string | undefined;
      let arrived = times.length;
      do {
        const page = await fixture.query.page({ dataset: "ticks", limit, order, cursor });
        seen.push(...numbersOf(page));
        cursor = page.next ?? undefined;
        append(arrived, Math.min(arrived + 2, rows.length));
        arrived = Math.min(arrived + 2, rows.length);
      } while (cursor !== undefined);

      const sign = order === "asc" ? 1 : -1;
      const sorted = rows.toSorted((a, b) => sign * (Number(a.time - b.time) || a.n - b.n));
      const place = new Map(sorted.map((row, index) => [row.n, index]));
      const places = seen.map((n) => place.get(n) ?? -1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((n) => n < times.length).length).toBe(times.length);
    }),
    { numRuns: 60, verbose: true },
  );
});

test("the ETag changes with everything that changes the page", () => {
  const watermark = { outOfOrdernessUs: 0, idleTimeoutUs: null, maxFutureSkewUs: 0 };
  const plan = {
    name: "ticks",
    columns: COLUMNS,
    eventTime: "at",
    key: [],
    watermark,
    dedup: null,
  };
  const lease = (): Disposable => ({ [Symbol.dispose]: () => undefined });
  const at = (version: string) => ({
    names: () => ["ticks"],
    planOf: () => plan,
    versionOf: () => version,
    lease,
  });
  const asked = { dataset: "ticks" } as const;
  const filters = [{ column: "n", operator: "eq", value: "1" }] as const;
  const tags = [
    pageEtag(asked, at("1")),
    pageEtag(asked, at("2")),
    pageEtag({ ...asked, order: "asc" }, at("1")),
    pageEtag({ ...asked, limit: 21 }, at("1")),
    pageEtag({ ...asked, cursor: "x" }, at("1")),
    pageEtag({ ...asked, columns: ["n"] }, at("1")),
    pageEtag({ ...asked, filters }, at("1")),
  ];
  expect(new Set(tags).size).toBe(tags.length);
  expect(pageEtag({ ...asked, limit: 20, order: "desc" }, at("1"))).toBe(tags[0]);
});
