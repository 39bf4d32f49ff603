import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fixture, openFixture } from "../../test/query/fixture.ts";
import { sql } from "../core/sql.ts";
import { type ColumnPlan } from "../plan/plan.ts";
import { readFilters } from "./filter.ts";
import { type PageRequest } from "./page.ts";

const COLUMNS: readonly ColumnPlan[] = [
  { name: "at", type: { kind: "timestamp" }, nullable: false },
  { name: "symbol", type: { kind: "text" }, nullable: true },
  { name: "n", type: { kind: "int32" }, nullable: true },
  { name: "big", type: { kind: "int64" }, nullable: true },
  { name: "f", type: { kind: "float64" }, nullable: true },
  { name: "price", type: { kind: "decimal", precision: 10, scale: 2 }, nullable: true },
  { name: "ok", type: { kind: "boolean" }, nullable: true },
  { name: "day", type: { kind: "date" }, nullable: true },
  { name: "json", type: { kind: "json" }, nullable: true },
];

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
  await fixture.create("ticks", "at", COLUMNS);
  await fixture.connection.run(sql`
    INSERT INTO mem.ticks
    SELECT TIMESTAMP '2026-01-01' + to_seconds(range // 3), CASE WHEN range % 10 = 9 THEN NULL ELSE 'S' || range % 4 END, range,
      9007199254740993 + range, range / 8, range / 4, range % 2 = 0, DATE '2026-01-01' + (range // 10)::INTEGER,
      {'n': 12345678901234567890 + range}::JSON, range + 1
    FROM range(100)`);
});
afterAll(() => fixture[Symbol.asyncDispose]());

type Row = Readonly<Record<string, unknown>>;

async function page(
  query: string,
  request: Partial<PageRequest> = {},
): Promise<{ rows: Row[]; next: string | null; text: string }> {
  const filters = readFilters(new URLSearchParams(query), COLUMNS);
  const answer = await fixture.query.page({ dataset: "ticks", filters, ...request });
  const text = Buffer.from(answer.body).toString();
  const body = JSON.parse(text) as { rows: Row[]; next: string | null };
  expect(answer.rowCount).toBe(body.rows.length);
  expect(answer.next).toBe(body.next);
  return { ...body, text };
}

describe("a page", () => {
  test("has the 20 newest rows, values as in JSON results, and no hidden column", async () => {
    const { rows, text } = await page("");
    expect(rows.map((row) => row["n"])).toEqual(Array.from({ length: 20 }, (_, i) => 99 - i));
    expect(text.split("\n")[1]).toBe(
      '{"at":"2026-01-01T00:00:33.000000Z","symbol":null,"n":99,"big":"9007199254741092","f":12.375,' +
        '"price":"24.75","ok":false,"day":"2026-01-10","json":{"n":12345678901234567989}},',
    );
  });

  test("of chosen columns has them in that order", async () => {
    const { text } = await page("", { columns: ["n", "symbol"], limit: 1, order: "asc" });
    expect(text).toMatch(/^\{"rows":\[\n\{"n":0,"symbol":"S0"\}\n\],"next":"[\w-]+"\}\n$/);
    await expect(page("", { columns: ["_seq"] })).rejects.toMatchObject({
      code: "KRB_QUERY_UNKNOWN_COLUMN",
    });
  });

  test("past the end is empty and the last", async () => {
    expect(await page("n.gt=1000")).toMatchObject({ rows: [], next: null });
    expect((await page("n.gte=80")).next).toBeNull();
    expect((await page("n.gte=79")).next).not.toBeNull();
  });

  test.each([0, 101, -1, 1.5, Number.NaN])("of %d rows is refused", async (limit) => {
    await expect(page("", { limit })).rejects.toMatchObject({ code: "KRB_QUERY_PAGE_SIZE" });
  });

  test("of what does not exist is refused", async () => {
    for (const dataset of ["nope", "mem.ticks", "Ticks", 'ticks"; DROP TABLE x; --']) {
      await expect(page("", { dataset })).rejects.toMatchObject({
        code: "KRB_QUERY_UNKNOWN_RELATION",
      });
    }
  });
});

describe("filters", () => {
  test.each<[string, readonly number[]]>([
    ["n=5", [5]],
    ["n.eq=5", [5]],
    ["n.lt=3", [0, 1, 2]],
    ["n.gte=98", [98, 99]],
    ["n.in=1,2,300", [1, 2]],
    ["n.lte=4&n.ne=3", [0, 1, 2, 4]],
    ["big=9007199254740994", [1]],
    ["f=0.125", [1]],
    ["f.lt=2e-1", [0, 1]],
    ["price=0.25", [1]],
    ["price.lte=0.5", [0, 1, 2]],
    ["ok=true&n.lt=3", [0, 2]],
    ["symbol=S1&n.lt=6", [1, 5]],
    ["symbol.null=true&n.lt=20", [9, 19]],
    ["symbol.null=false&n.lt=2", [0, 1]],
    ["symbol.in=S0,S1&n.lt=5", [0, 1, 4]],
    ["day=2026-01-02&n.lt=12", [10, 11]],
    ["at.lt=2026-01-01T00:00:01Z", [0, 1, 2]],
    ["at=2026-01-01T00:00:01.000000Z", [3, 4, 5]],
    ["at.lt=2026-01-01T09:00:01+09:00", [0, 1, 2]],
    ["at.lt=2026-01-01T09:00:01%2B09:00", [0, 1, 2]],
    ["at.lte=2026-01-01", [0, 1, 2]],
    ["json.null=false&n=1", [1]],
    ["symbol=' OR 1=1 --", []],
  ])("%s", async (query, expected) => {
    const { rows } = await page(query, { order: "asc" });
    expect(rows.map((row) => row["n"])).toEqual(expected);
  });

  test.each([
    "n=x",
    "n=1.5",
    "n=2147483648",
    "big=9223372036854775808",
    "n=",
    "f=NaN",
    "f=1e",
    "price=1.001",
    "price=123456789",
    "price=1e2",
    "ok=1",
    "day=2026-02-30",
    "day=2026-1-1",
    "at=2026-01-01T00:00:00",
    "at=2026-02-30T00:00:00Z",
    "at=now",
    "at=1700000000",
    "symbol.null=yes",
    "json={}",
    "n.like=5",
    "symbol.=x",
    `n.in=${Array.from({ length: 101 }, (_, i) => i).join(",")}`,
    Array.from({ length: 51 }, () => "n=1").join("&"),
  ])("%s is refused", async (query) => {
    await expect((async () => page(query))()).rejects.toMatchObject({ code: "KRB_QUERY_FILTER" });
  });

  test.each(["nope=1", "nope.gte=1", "_seq=1", ".eq=1", "N=5"])(
    "%s names no column",
    async (query) => {
      await expect((async () => page(query))()).rejects.toMatchObject({
        code: "KRB_QUERY_UNKNOWN_COLUMN",
      });
    },
  );
});

describe("a cursor", () => {
  test("belongs to its question", async () => {
    const { next } = await page("n.lt=50");
    const cursor = next ?? "";
    expect((await page("n.lt=50", { cursor, limit: 7 })).rows[0]).toMatchObject({ n: 29 });
    for (const asked of [
      page("n.lt=51", { cursor }),
      page("", { cursor }),
      page("n.lt=50", { cursor, order: "asc" }),
      page("n.lt=50", { cursor, columns: ["n"] }),
      page("n.lt=50", { cursor: `${cursor.slice(0, -3)}AAA` }),
      page("n.lt=50", { cursor: "" }),
      page("n.lt=50", { cursor: "x".repeat(100_000) }),
      page("n.lt=50", { cursor: Buffer.from("1.1.0000000000000000").toString("base64url") }),
    ]) {
      await expect(asked).rejects.toMatchObject({ code: "KRB_QUERY_CURSOR" });
    }
  });
});
