import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openServed, type Served } from "../../test/support/served-platform.ts";
import {
  col,
  column,
  count,
  dataset,
  defineProject,
  lookup,
  stream,
  sum,
  tumbling,
  within,
} from "../index.ts";

const bids = dataset({
  columns: { at: column.timestamp(), auction: column.int64(), price: column.int64() },
  eventTime: "at",
  watermark: { maxFutureSkew: "3650d" },
});
const orders = dataset({
  columns: { at: column.timestamp(), id: column.int64(), state: column.text() },
  eventTime: "at",
  key: ["id"],
  watermark: { maxFutureSkew: "3650d" },
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-streams-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function open(spec: Readonly<Record<string, unknown>>): Promise<Served> {
  const project = defineProject({
    name: "shop",
    datasets: { bids, orders, people },
    ...spec,
  } as never);
  return openServed(project, { directory, platform: { acceptDestructive: true } });
}

const time = (second: number): string =>
  new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

async function send(served: Served, name: string, rows: readonly object[]): Promise<void> {
  const body = rows.map((row) => JSON.stringify(row)).join("\n");
  const response = await served.post(`/v1/datasets/${name}/rows`, body);
  expect(await response.json()).toMatchObject({ accepted: rows.length, rejected: 0 });
}

const sendBids = (served: Served, bidsOf: readonly (readonly [number, number, number])[]) =>
  send(
    served,
    "bids",
    bidsOf.map(([second, auction, price]) => ({ at: time(second), auction, price })),
  );

async function query(served: Served, statement: string): Promise<readonly unknown[]> {
  const response = await served.fetch("/v1/sql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sql: statement }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { rows: readonly unknown[] }).rows;
}

const people = dataset({
  columns: { since: column.timestamp(), id: column.int64(), name: column.text() },
  eventTime: "since",
  watermark: { maxFutureSkew: "3650d" },
});

describe("a lookup", () => {
  const named = (at: "latest" | "event_time", kind: "left" | "inner" = "left"): unknown =>
    stream({
      from: bids,
      join: [lookup(people, { on: { auction: "id" }, select: ["name"], at, kind })],
      select: ["price", "name"],
    });
  const person = (second: number, id: number, name: string): object => ({
    since: time(second),
    id,
    name,
  });
  const statement = "SELECT price, name FROM named ORDER BY price";

  it("of the latest row is never revised, however requests are gathered", async () => {
    await using served = await open({ streams: { named: named("latest") } });
    // Sent at once: they share groups, and are applied in the order of the log all the same.
    await Promise.all([
      sendBids(served, [[1, 1, 10]]),
      send(served, "people", [person(9, 1, "old"), person(5, 1, "Ann")]),
      sendBids(served, [[2, 1, 20]]),
      send(served, "people", [person(1, 1, "Bea")]),
      sendBids(served, [[3, 1, 30]]),
    ]);
    expect(await query(served, statement)).toEqual([
      [10, null],
      [20, "Ann"],
      [30, "Bea"],
    ]);
  });

  it("as of the event time is corrected by what comes in late, and windows follow", async () => {
    await using served = await open({
      streams: { named: named("event_time", "inner") },
      windows: {
        per_minute: tumbling({
          from: "named",
          size: "1m",
          by: ["name"],
          measure: { total: sum("price") },
          allowedLateness: "1h",
        }),
      },
    });
    await send(served, "people", [person(0, 1, "Ann")]);
    await sendBids(served, [
      [10, 1, 10],
      [20, 1, 20],
      [21, 2, 21],
      [70, 1, 70],
    ]);
    const results = "SELECT name, total, revision FROM per_minute ORDER BY name";
    expect(await query(served, results)).toEqual([["Ann", 30, 1]]);
    await served.platform.engine.checkpoint("test");
    await send(served, "people", [person(15, 1, "Bea"), person(20, 2, "Cy")]);
    expect(await query(served, statement)).toEqual([
      [10, "Ann"],
      [20, "Bea"],
      [21, "Cy"],
      [70, "Bea"],
    ]);
    expect(await query(served, results)).toEqual([
      ["Ann", 10, 2],
      ["Bea", 20, 2],
      ["Cy", 21, 2],
    ]);
  });
});

describe("pairs within a bound", () => {
  it("come with the later row, and windows over them wait until no pair can come in time", async () => {
    await using served = await open({
      streams: {
        met: stream({
          from: bids,
          join: [
            within(people, {
              on: { auction: "id" },
              between: ["-10s", "1m"],
              select: ["name", "since"],
            }),
          ],
        }),
      },
      windows: { n: tumbling({ from: "met", size: "1m", by: ["name"], measure: { n: count() } }) },
    });
    const person = (second: number, name: string): object => ({ since: time(second), id: 1, name });
    await send(served, "people", [person(0, "Ann"), person(50, "Bea")]);
    await sendBids(served, [
      [10, 1, 10],
      [20, 1, 20],
      [200, 1, 200],
    ]);
    await served.platform.engine.checkpoint("test");
    // Ann is 10 s before the first bid, and too long before the second one.
    const pairs = "SELECT price, name FROM met ORDER BY price, name";
    expect(await query(served, pairs)).toEqual([
      [10, "Ann"],
      [10, "Bea"],
      [20, "Bea"],
    ]);
    expect(await query(served, "SELECT n FROM n")).toEqual([]);
    await send(served, "people", [person(80, "Cy"), person(121, "Dee")]);
    expect(await query(served, pairs)).toEqual([
      [10, "Ann"],
      [10, "Bea"],
      [20, "Bea"],
      [20, "Cy"],
    ]);
    expect(await query(served, "SELECT name, n, revision FROM n ORDER BY name")).toEqual([
      ["Ann", 1, 1],
      ["Bea", 2, 1],
      ["Cy", 1, 1],
    ]);
  });
});

describe("a stream", () => {
  it("filters and computes, is read like a dataset, and closes windows with its source", async () => {
    await using served = await open({
      streams: {
        even: stream({
          from: bids,
          where: col("auction").modulo(2).eq(0),
          select: { auction: "auction", euros: col("price").times(2) },
        }),
      },
      windows: {
        sums: tumbling({ from: "even", size: "1m", measure: { n: count(), euros: sum("euros") } }),
      },
    });
    await sendBids(served, [
      [1, 2, 10],
      [2, 3, 20],
      [3, 4, 30],
    ]);
    // No row of the stream is in it: event time goes on all the same.
    await sendBids(served, [[61, 5, 40]]);
    const page = await served.fetch("/v1/datasets/even/rows");
    expect(await page.json()).toMatchObject({
      rows: [
        { at: "2026-01-01T00:00:03.000000Z", auction: 4, euros: 60 },
        { at: "2026-01-01T00:00:01.000000Z", auction: 2, euros: 20 },
      ],
    });
    expect(await query(served, "SELECT n, euros, revision FROM sums")).toEqual([[2, 80, 1]]);
    const listed = (await (await served.fetch("/v1/datasets/even")).json()) as object;
    expect(listed).toMatchObject({ name: "even", kind: "stream", key: [] });
  });

  it("takes back a row that was replaced by one that does not belong", async () => {
    await using served = await open({
      streams: { open_orders: stream({ from: orders, where: col("state").eq("open") }) },
    });
    const order = (id: number, state: string): object => ({ at: time(id), id, state });
    await send(served, "orders", [order(1, "open"), order(2, "open"), order(3, "closed")]);
    await send(served, "orders", [order(1, "closed"), order(2, "open")]);
    expect(await query(served, "SELECT id FROM open_orders")).toEqual([[2]]);
    await served.platform.engine.checkpoint("test");
    await send(served, "orders", [order(1, "open")]);
    expect(await query(served, "SELECT id FROM open_orders ORDER BY id")).toEqual([[1], [2]]);
  });

  it("that is new, or changed, is computed from the rows that are there, with what reads it", async () => {
    const windows = { per_minute: tumbling({ from: "big", size: "1m", measure: { n: count() } }) };
    const big = (price: number): Readonly<Record<string, unknown>> => ({
      streams: { big: stream({ from: bids, where: col("price").ge(price) }) },
      windows,
    });
    {
      await using served = await open({});
      await sendBids(served, [
        [1, 1, 10],
        [2, 1, 20],
        [3, 1, 30],
        [61, 1, 40],
      ]);
    }
    for (const [price, n] of [
      [20, 2],
      [30, 1],
    ] as const) {
      await using served = await open(big(price));
      await served.platform.engine.tick();
      expect(await query(served, "SELECT n FROM per_minute")).toEqual([[n]]);
    }
    await using served = await open(big(30));
    await sendBids(served, [[121, 1, 40]]);
    expect(await query(served, "SELECT n FROM per_minute ORDER BY window_start")).toEqual([
      [1],
      [1],
    ]);
    expect(await query(served, "SELECT count(*) AS n FROM big")).toEqual([[3]]);
  });
});
