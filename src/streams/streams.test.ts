import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openServed, type Served } from "../../test/support/served-platform.ts";
import { col, column, count, dataset, defineProject, stream, sum, tumbling } from "../index.ts";

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
  const project = defineProject({ name: "shop", datasets: { bids, orders }, ...spec } as never);
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
