import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openServed, type Served } from "../../test/support/served-platform.ts";
import { type Change, type Engine } from "../engine/engine.ts";
import { column, dataset, defineProject, webhook } from "../index.ts";
import { deliveryRules } from "./delivery.ts";
import { PageReader } from "./page-reader.ts";

const HOLES = 3_000;
const WIDE_CHARACTERS = 400_000;
const WIDE_ROWS = 40;

const notes = dataset({
  columns: { at: column.timestamp(), note: column.text() },
  eventTime: "at",
  watermark: { maxFutureSkew: "3650d" },
});
const definition = defineProject({
  name: "notes",
  datasets: { notes },
  sinks: { hook: webhook({ from: notes, url: "https://example.com/never" }) },
});

let served: Served;
let engine: Engine;
/** All rows in one piece. */
let all: readonly Change[];

beforeAll(async () => {
  served = await openServed(definition);
  ({ engine } = served.platform);
  await engine.command("outbox", { kind: "pause", sink: "hook" });
  const line = (second: number, note: string): string =>
    JSON.stringify({ at: new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString(), note });
  const send = async (lines: readonly string[]): Promise<void> => {
    const response = await served.post("/v1/datasets/notes/rows", lines.join("\n"));
    expect(response.status).toBe(200);
  };
  const short = Array.from({ length: 5_000 }, (_, i) => line(i, `short ${i}`));
  await send(short.slice(0, 2_500));
  await engine.checkpoint("test");
  await send(short.slice(2_500));
  // Numbers that no row has: lines that are refused take some too.
  for (let i = 0; i < 5; i++) {
    await send([...Array.from({ length: HOLES }, () => "{}"), line(6_000 + i, `lone ${i}`)]);
    if (i === 2) await engine.checkpoint("test");
  }
  for (let i = 0; i < WIDE_ROWS; i += 10) {
    const wide = Array.from({ length: 10 }, (_, j) =>
      line(7_000 + i + j, "w".repeat(WIDE_CHARACTERS)),
    );
    await send(wide);
  }
  await send(short.slice(0, 10));
  all = await engine.changes("notes", { afterSeq: 0, limit: 1_000_000 });
});
afterAll(() => served[Symbol.asyncDispose]());

const seqsOf = (list: readonly { readonly seq: number }[]): readonly number[] =>
  list.map(({ seq }) => seq);

describe("a page of changes", () => {
  it("without bounds has all rows", () => {
    expect(all).toHaveLength(5_000 + 5 + WIDE_ROWS + 10);
  });

  it("leaves out nothing between its start and where it says that it ends", async () => {
    const wantedOf = fc.record({
      afterSeq: fc.integer({ min: 0, max: all.at(-1)?.seq ?? 0 }),
      span: fc.integer({ min: 1, max: 30_000 }),
      limit: fc.integer({ min: 1, max: 4_000 }),
      characters: fc.constantFrom(1, 1_000, 1_000_000, Infinity),
    });
    await fc.assert(
      fc.asyncProperty(wantedOf, async ({ afterSeq, span, limit, characters }) => {
        const throughSeq = afterSeq + span;
        const wanted = { afterSeq, throughSeq, limit, characters };
        const page = await engine.changePage("notes", wanted);
        const expected = all.filter(({ seq }) => seq > afterSeq && seq <= page.throughSeq);
        expect(seqsOf(page.changes)).toEqual(seqsOf(expected));
        expect(page.changes.length).toBeLessThanOrEqual(limit);
        expect(page.throughSeq).toBeGreaterThan(afterSeq);
        expect(page.throughSeq).toBeLessThanOrEqual(throughSeq);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a reader of pages", () => {
  function readerOf(maxRows: number): PageReader {
    const { plan, relations } = engine;
    const [sink] = plan.sinks;
    const relation = relations.planOf("notes");
    if (sink === undefined || relation === undefined) throw new Error("the project has both");
    const rules = deliveryRules(plan, sink, relation, 0);
    return new PageReader({ engine, relation: "notes", rules, maxRows });
  }

  it.each([1, 7, 1_000, 10_000])(
    "of %i rows at most gives each row once, in order",
    async (most) => {
      const reader = readerOf(most);
      const endSeq = engine.lastSeq("notes") + 1;
      const startSeq = most < 100 ? (all.at(-60 * most)?.seq ?? 0) : 0;
      const found: number[] = [];
      let pages = 0;
      for (let cursor = startSeq; cursor < endSeq - 1; pages++) {
        const page = await reader.read(cursor, endSeq);
        reader.readAhead(page.throughSeq, endSeq);
        expect(page.deliveries.length).toBeLessThanOrEqual(most);
        found.push(...seqsOf(page.deliveries));
        cursor = page.throughSeq;
      }
      expect(found).toEqual(seqsOf(all.filter(({ seq }) => seq > startSeq)));
      // Holes are not walked through number by number.
      expect(pages).toBeLessThan(found.length + 40);
    },
  );

  it("holds no more wide rows than fit into a page", async () => {
    const reader = readerOf(10_000);
    const endSeq = engine.lastSeq("notes") + 1;
    let most = 0;
    for (let cursor = 0; cursor < endSeq - 1;) {
      const page = await reader.read(cursor, endSeq);
      const isWide = (text: unknown): boolean => String(text).length === WIDE_CHARACTERS;
      const wide = page.deliveries.filter(({ row }) => isWide(row["note"]));
      // The first of them come as a surprise.
      if (cursor > (all.at(-50)?.seq ?? 0)) most = Math.max(most, wide.length);
      cursor = page.throughSeq;
    }
    expect(most).toBeLessThanOrEqual((4 * 1024 * 1024) / WIDE_CHARACTERS + 1);
  });

  it("reads anew where the cursor is not where it was thought to be", async () => {
    const reader = readerOf(100);
    const endSeq = engine.lastSeq("notes") + 1;
    reader.readAhead(50, endSeq);
    const page = await reader.read(10, endSeq);
    expect(page.deliveries[0]?.seq).toBe(11);
  });
});
