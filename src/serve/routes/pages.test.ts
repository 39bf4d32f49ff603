import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  openServed,
  type Served,
  tickLines,
  ticksProject,
} from "../../../test/support/served-platform.ts";

let served: Served;

beforeAll(async () => {
  served = await openServed(ticksProject);
  await served.post("/v1/datasets/ticks/rows", `${tickLines(250)}{"bad":"row"}\n`);
});
afterAll(async () => served[Symbol.asyncDispose]());

interface Page {
  readonly rows: Readonly<Record<string, unknown>>[];
  readonly next: string | null;
}

async function page(query: string, name = "ticks"): Promise<Page> {
  const response = await served.fetch(`/v1/datasets/${name}/rows${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

describe("reading pages", () => {
  it("gives the newest twenty rows, and a way on", async () => {
    const response = await served.fetch("/v1/datasets/ticks/rows");
    const { rows, next } = (await response.json()) as Page;
    expect(rows).toHaveLength(20);
    expect(rows[0]).toEqual({
      time: "2026-01-01T00:04:09.000000Z",
      symbol: "S0",
      price: "249.0000",
      quantity: 1,
    });
    const link = response.headers.get("link") ?? "";
    expect(link).toMatch(/^<\/v1\/datasets\/ticks\/rows\?cursor=[^>]+>; rel="next"$/);
    const url = link.slice(1, link.indexOf(">"));
    const second = (await (await served.fetch(url)).json()) as Page;
    expect(second.rows[0]).toMatchObject({ price: "229.0000" });
    expect(new URL(url, served.server.url).searchParams.get("cursor")).toBe(next);
  });

  it("gives every row once on the way through", async () => {
    const prices: unknown[] = [];
    let url: string | null = "?order=asc&limit=100&columns=price";
    while (url !== null) {
      const { rows, next } = await page(url);
      prices.push(...rows.map((row) => row["price"]));
      url = next === null ? null : `?order=asc&limit=100&columns=price&cursor=${next}`;
    }
    expect(prices.map(Number)).toEqual(Array.from({ length: 250 }, (_, i) => i));
  });

  it("filters by any column", async () => {
    const { rows } = await page(
      "?symbol=S1&price.gte=10&time.lt=2026-01-01T00:00:20Z&columns=price",
    );
    expect(rows).toEqual([19, 16, 13, 10].map((price) => ({ price: `${price}.0000` })));
  });

  it("reads windows, dead letters and late rows the same way", async () => {
    const bars = await page("?symbol=S0&order=asc&limit=1", "bars");
    expect(bars.rows[0]).toMatchObject({
      window_start: "2026-01-01T00:00:00.000000Z",
      window_end: "2026-01-01T00:01:00.000000Z",
      symbol: "S0",
      close: "57.0000",
      trades: 20,
      revision: 1,
    });
    const dead = await page("", "ticks.dead_letters");
    expect(dead.rows).toHaveLength(1);
    expect(dead.rows[0]).toMatchObject({ line: 251, raw: '{"bad":"row"}' });
    expect((await page("", "ticks.late_rows")).rows).toEqual([]);
  });

  it.each([
    ["trades", "", 404, "KRB_QUERY_UNKNOWN_RELATION"],
    ["rows.ticks", "", 404, "KRB_QUERY_UNKNOWN_RELATION"],
    ["ticks", "?limit=101", 400, "KRB_SERVE_PARAMETER"],
    ["ticks", "?limit=0", 400, "KRB_SERVE_PARAMETER"],
    ["ticks", "?limit=1&limit=2", 400, "KRB_SERVE_PARAMETER"],
    ["ticks", "?order=up", 400, "KRB_SERVE_PARAMETER"],
    ["ticks", "?cursor=abc", 400, "KRB_QUERY_CURSOR"],
    ["ticks", "?colour=red", 400, "KRB_QUERY_UNKNOWN_COLUMN"],
    ["ticks", "?_seq=1", 400, "KRB_QUERY_UNKNOWN_COLUMN"],
    ["ticks", "?price.like=1", 400, "KRB_QUERY_FILTER"],
    ["ticks", "?quantity=many", 400, "KRB_QUERY_FILTER"],
    ["ticks", "?columns=time,wrong", 400, "KRB_QUERY_UNKNOWN_COLUMN"],
  ])("refuses %s%s", async (name, query, status, code) => {
    const response = await served.fetch(`/v1/datasets/${name}/rows${query}`);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });
});

describe("keeping pages", () => {
  it("answers 304 until a row comes", async () => {
    const first = await served.fetch("/v1/datasets/ticks/rows?limit=5");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[^"]+"$/);
    expect(first.headers.get("cache-control")).toBe("private, no-cache");
    expect(first.headers.get("vary")).toContain("Authorization");
    const ask = (url: string, tags: string): Promise<Response> =>
      served.fetch(url, { headers: { "if-none-match": tags } });
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const same = await ask("/v1/datasets/ticks/rows?limit=5", tags);
      expect(same.status).toBe(304);
      expect(same.headers.get("etag")).toBe(etag);
      expect(await same.text()).toBe("");
    }
    expect((await ask("/v1/datasets/ticks/rows?limit=6", etag)).status).toBe(200);
    await served.post("/v1/datasets/ticks/rows", tickLines(1, 1000));
    const changed = await ask("/v1/datasets/ticks/rows?limit=5", etag);
    expect(changed.status).toBe(200);
    expect(changed.headers.get("etag")).not.toBe(etag);
  });

  it("gives no tag to an answer that is a problem", async () => {
    const response = await served.fetch("/v1/datasets/ticks/rows?cursor=abc");
    expect(response.headers.get("etag")).toBeNull();
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("tells the headers alone to HEAD", async () => {
    const response = await served.fetch("/v1/datasets/ticks/rows", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("etag")).not.toBeNull();
    expect(await response.text()).toBe("");
  });
});
