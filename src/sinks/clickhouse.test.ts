import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClickHouseServer, startClickHouse } from "../../test/support/clickhouse-server.ts";
import {
  describeRowKeeper,
  destinationDeps,
  NAMED,
  namedDelivery,
} from "../../test/support/row-keeper.ts";
import { openServed, ticksProject } from "../../test/support/served-platform.ts";
import { isIdle, send, sinkOf, trades } from "../../test/support/sink-traffic.ts";
import { clickHousePlan } from "../../test/support/sink-plans.ts";
import {
  clickhouse,
  type ClickHouseSpec,
  column,
  count,
  dataset,
  defineProject,
  session,
} from "../index.ts";
import { openClickHouse } from "./clickhouse.ts";

const { signal } = new AbortController();

let server: ClickHouseServer;
beforeAll(async () => {
  server = await startClickHouse();
});
afterAll(() => server[Symbol.asyncDispose]());

function bars(table: string, spec: Partial<ClickHouseSpec> = {}): unknown {
  return defineProject({
    ...ticksProject.spec,
    sinks: {
      store: clickhouse({
        ...{ from: "bars", url: server.url, table, createTable: true },
        retry: { first: "5ms", max: "20ms" },
        ...spec,
      }),
    },
  });
}

describe("a table of ClickHouse", () => {
  describeRowKeeper(async () => {
    const plan = clickHousePlan({ url: server.url });
    const destination = await openClickHouse(plan, destinationDeps(NAMED));
    return {
      destination,
      held: async () => {
        const found = await server.query("SELECT name, n FROM named FINAL");
        return new Map(found.map(({ name, n }) => [String(name), Number(n)]));
      },
      [Symbol.asyncDispose]: () => destination[Symbol.asyncDispose](),
    };
  });

  it("does not store a repeated batch", async () => {
    const plan = clickHousePlan({ url: server.url, table: "repeated" });
    await using destination = await openClickHouse(plan, destinationDeps(NAMED));
    const batch = [namedDelivery("a", 1, 1), namedDelivery("b", 1, 1)];
    for (let i = 0; i < 3; i++) await destination.deliver(batch, signal);
    expect(await server.query("SELECT count() AS rows FROM repeated")).toEqual([{ rows: "2" }]);
  });

  it("holds every type exactly", async () => {
    const exact = dataset({
      columns: {
        at: column.timestamp(),
        id: column.int64(),
        small: column.int32().nullable(),
        big: column.decimal(38, 10).nullable(),
        money: column.decimal(12, 2).nullable(),
        ratio: column.float64().nullable(),
        isOpen: column.boolean().nullable(),
        note: column.text().nullable(),
        day: column.date().nullable(),
        extra: column.json().nullable(),
      },
      eventTime: "at",
      key: ["id"],
    });
    const store = clickhouse({ from: exact, url: server.url, createTable: true });
    const definition = defineProject({ name: "exact", datasets: { exact }, sinks: { store } });
    await using served = await openServed(definition);
    const whole = {
      at: "2026-01-01T12:00:00.123456Z",
      id: "9223372036854775807",
      small: -2147483648,
      big: "1234567890123456789012345678.0123456789",
      money: "0.10",
      ratio: 0.1,
      isOpen: true,
      note: 'quote " backslash \\ tab \t null \\N \n 日本 🦀',
      day: "2024-02-29",
      extra: { a: [1, "x", null] },
    };
    await send(served, JSON.stringify(whole), "exact");
    await send(served, JSON.stringify({ at: whole.at, id: 2, note: "NULL" }), "exact");
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 2 });
    const [first, second] = await server.query(
      "SELECT *, toString(money) AS money FROM exact FINAL ORDER BY id DESC",
    );
    const { extra, ...plain } = whole;
    expect(first).toMatchObject({ ...plain, at: "2026-01-01 12:00:00.123456", money: "0.1" });
    expect(JSON.parse(String(first?.["extra"]))).toEqual(extra);
    expect(second).toMatchObject({ id: "2", note: "NULL", big: null, extra: null, day: null });
    const types = await server.query("SELECT name, type FROM system.columns WHERE table = 'exact'");
    expect(types).toContainEqual({ name: "at", type: "DateTime64(6, 'UTC')" });
    expect(types).toContainEqual({ name: "big", type: "Nullable(Decimal(38, 10))" });
  });

  it("follows a window through corrections", async () => {
    await using served = await openServed(bars("followed"));
    await send(served, trades(0, 3));
    await send(served, trades(0, 1).split("\n")[0] ?? "");
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 7 });
    const held = await server.query(
      "SELECT symbol, trades, revision FROM followed FINAL ORDER BY window_start, symbol",
    );
    expect(held.map((row) => Object.values(row))).toEqual([
      ["A", "13", "2"],
      ["B", "12", "1"],
      ["C", "12", "1"],
      ["A", "12", "1"],
      ["B", "12", "1"],
      ["C", "12", "1"],
    ]);
  });

  it("loses sessions that are joined, and keeps groups that are null", async () => {
    const clicks = dataset({
      columns: { at: column.timestamp(), user: column.text().nullable() },
      eventTime: "at",
      watermark: { outOfOrderness: "0s" },
    });
    const visits = session({
      ...{ from: clicks, gap: "1m", by: ["user"], allowedLateness: "1h" },
      measure: { clicks: count() },
    });
    const store = clickhouse({ from: visits, url: server.url, createTable: true });
    const project = { name: "visits", datasets: { clicks }, windows: { visits }, sinks: { store } };
    await using served = await openServed(defineProject(project));
    const click = (minute: number, second: number, user: string | null): string =>
      JSON.stringify({ at: new Date(Date.UTC(2026, 0, 1, 0, minute, second)).toISOString(), user });
    const early = [click(0, 0, "a"), click(0, 0, null), click(1, 30, "a"), click(1, 30, null)];
    await send(served, [...early, click(10, 0, "z")].join("\n"), "clicks");
    const held = async (): Promise<readonly unknown[]> => {
      const order = "window_start, user NULLS LAST";
      return await server
        .query(`SELECT user, clicks FROM visits FINAL ORDER BY ${order}`)
        .then((rows) => rows.map((row) => Object.values(row)))
        .catch(() => []);
    };
    await expect.poll(held).toEqual([
      ["a", "1"],
      [null, "1"],
      ["a", "1"],
      [null, "1"],
    ]);
    await send(served, [click(0, 45, "a"), click(0, 45, null)].join("\n"), "clicks");
    await expect.poll(held).toEqual([
      ["a", "3"],
      [null, "3"],
    ]);
  });

  it("takes rows without a key once each", async () => {
    await using served = await openServed(bars("every", { from: "ticks" }));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 72 });
    expect(
      await server.query("SELECT count() AS n, uniqExact(_id) AS ids FROM every FINAL"),
    ).toEqual([{ n: "72", ids: "72" }]);
  });
});

describe("a table that", () => {
  it("refuses a row gets the others when the sink may skip", async () => {
    await using served = await openServed(bars("checked", { whenRejected: "skip" }));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
    await server.query("ALTER TABLE checked ADD CONSTRAINT no_b CHECK symbol != 'B'");
    await send(served, trades(2, 3));
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({
        ...{ ...isIdle, delivered: 9, skipped: 3 },
        lastError: { code: "KRB_SINKS_REJECTED", message: expect.stringMatching(/no_b/) as string },
      });
  });

  it("cannot hold a time refuses it, instead of holding another one", async () => {
    const plan = clickHousePlan({ url: server.url, table: "calendar" });
    await using destination = await openClickHouse(plan, destinationDeps(NAMED));
    const delivery = namedDelivery("a", 1, 1);
    const at = "2300-01-01T00:00:00.000000Z";
    await expect(
      destination.deliver([{ ...delivery, row: { ...delivery.row, at } }], signal),
    ).rejects.toMatchObject({ code: "KRB_SINKS_REJECTED" });
    const last = "2299-12-31T23:59:59.999999Z";
    await destination.deliver([{ ...delivery, row: { ...delivery.row, at: last } }], signal);
    expect(await server.query("SELECT toString(at) AS at FROM calendar")).toEqual([
      { at: "2299-12-31 23:59:59.999999" },
    ]);
  });

  it("is missing, or would keep too much or too little, is named with the statement", async () => {
    await using served = await openServed(bars("own", { createTable: false }));
    await send(served, trades(0, 2));
    const problem = async (): Promise<unknown> => (await sinkOf(served)).lastError;
    await expect.poll(problem).toEqual({
      code: "KRB_SINKS_TARGET",
      message: 'sink store cannot use the table "own": it does not exist',
    });
    expect(await sinkOf(served)).toMatchObject({ state: "blocked", lagRows: 3 });
    await server.query(
      `CREATE TABLE own (window_start DateTime64(6, 'UTC'), window_end DateTime64(3, 'UTC'),
        symbol LowCardinality(String), close Decimal(12, 4), trades Int64, revision Int64,
        _version UInt64, _deleted UInt8) ENGINE = MergeTree ORDER BY symbol`,
    );
    await expect.poll(problem).toEqual({
      code: "KRB_SINKS_TARGET",
      message:
        'sink store cannot use the table "own": ' +
        "its column window_end is DateTime64(3, 'UTC'), not DateTime64(6, 'UTC'); " +
        "its column close is Decimal(12, 4), not Nullable(Decimal(12, 4)); " +
        "its engine is MergeTree, not ReplacingMergeTree(_version, _deleted); " +
        "it is ordered by (symbol), which is not the key (window_start, symbol)",
    });
    await server.query("DROP TABLE own");
    await server.query(
      `CREATE TABLE own (window_start DateTime64(6, 'UTC'), window_end DateTime64(6, 'UTC'),
        symbol LowCardinality(String), close Nullable(Decimal(18, 6)), trades Int64, revision Int64,
        _version UInt64, _deleted UInt8, note String DEFAULT 'x')
       ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (symbol, window_start)`,
    );
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
  });

  it("lacks a new column gets it when the sink may create", async () => {
    await server.query(
      `CREATE TABLE grown (window_start DateTime64(6, 'UTC'), symbol String, _version UInt64,
        _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (window_start, symbol)`,
    );
    await using served = await openServed(bars("grown"));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
    const found = await server.query("SELECT toString(close) AS close FROM grown FINAL");
    expect(found.map(({ close }) => close)).toEqual(["55", "55", "55"]);
  });

  it("belongs to a server that was killed gets the rows when it is back", async () => {
    await using served = await openServed(bars("killed"));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
    await server.kill();
    await send(served, trades(2, 2));
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({ state: "retrying", lastError: { code: "KRB_SINKS_UNREACHABLE" } });
    await server.start();
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 9 });
    expect(await server.query("SELECT count() AS n FROM killed FINAL")).toEqual([{ n: "9" }]);
  });
});
