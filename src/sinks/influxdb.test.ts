/** Points in a real InfluxDB 1.6.7; what the second version alone has is sent to a receiver. */
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type InfluxServer, openInflux } from "../../test/support/influx-server.ts";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import { openReceiver } from "../../test/support/receiver.ts";
import { destinationDeps } from "../../test/support/row-keeper.ts";
import { openServed, type Served, ticksProject } from "../../test/support/served-platform.ts";
import { influxdbPlan } from "../../test/support/sink-plans.ts";
import { send, sinkOf } from "../../test/support/sink-traffic.ts";
import { type JsonCell } from "../engine/engine.ts";
import {
  column,
  count,
  dataset,
  defineProject,
  influxdb,
  type InfluxdbSpec,
  session,
  type SinkDefinition,
} from "../index.ts";
import { type Delivery } from "./delivery.ts";
import { openInfluxdb } from "./influxdb.ts";

let server: InfluxServer;
beforeAll(async () => {
  server = await openInflux();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Each test has a database of its own. */
let database = "";
let databases = 0;
beforeEach(async () => {
  database = `d${++databases}`;
  await server.query(`CREATE DATABASE ${database}`);
});

const store = (spec: Partial<InfluxdbSpec>): SinkDefinition =>
  influxdb({
    from: "bars",
    url: server.url,
    database,
    allowPrivateAddresses: true,
    retry: { first: "5ms", max: "20ms" },
    ...spec,
  });

const bars = (spec: Partial<InfluxdbSpec> = {}): unknown =>
  defineProject({ ...ticksProject.spec, sinks: { store: store(spec) } });

const { signal } = new AbortController();
const TIME = "2026-01-31T12:00:00.000001Z";

/** Of a relation with text, every kind of value, and a key of `at` and `name`. */
const VALUES = datasetPlan(
  "named",
  [
    columnPlan("at", "timestamp"),
    columnPlan("name", "text", { nullable: true }),
    columnPlan("yes", "boolean", { nullable: true }),
    columnPlan("small", "int32", { nullable: true }),
    columnPlan("big", "int64", { nullable: true }),
    columnPlan("ratio", "float64", { nullable: true }),
    columnPlan("price", { kind: "decimal", precision: 38, scale: 6 }, { nullable: true }),
    columnPlan("note", "text", { nullable: true }),
    columnPlan("seen", "timestamp", { nullable: true }),
    columnPlan("day", "date", { nullable: true }),
    columnPlan("other", "json", { nullable: true }),
  ],
  { key: ["at", "name"] },
);

function delivery(row: Readonly<Record<string, JsonCell>>, rest: Partial<Delivery> = {}): Delivery {
  const full = { at: TIME, name: null, ...row };
  const key = { at: full.at, name: full.name };
  const revision = 1;
  return {
    ...{ sink: "kept", relation: "named", id: JSON.stringify(key), op: "upsert" },
    ...{ revision, version: revision, key, row: full, seq: 1, lane: "" },
    ...rest,
  };
}

function opened(): ReturnType<typeof openInfluxdb> {
  const target = { version: 1, database, retentionPolicy: null } as const;
  return openInfluxdb(influxdbPlan({ url: server.url, target }), destinationDeps(VALUES));
}

/** Points as objects without what they do not have, times in nanoseconds as InfluxDB says them. */
async function points(
  measurement = "named",
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const series = await server.query(`SELECT * FROM "${measurement}"`, database);
  return series.flatMap(({ columns, values }) =>
    values.map((value) =>
      Object.fromEntries(
        columns.flatMap((name, i) => (value[i] === null ? [] : [[name, value[i]] as const])),
      ),
    ),
  );
}

const sendLines = (served: Served, lines: readonly string[], to?: string): Promise<void> =>
  send(served, lines.join("\n"), to);

const trade = (minute: number, symbol: string, price: number): string =>
  JSON.stringify({
    ...{ symbol, price, quantity: 1 },
    time: new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString(),
  });

describe("points of a window", () => {
  it("are one a result, and a correction takes the place of what it corrects", async () => {
    await using served = await openServed(bars());
    await sendLines(served, [trade(0, "A", 1), trade(0, "B b", 2), trade(2, "A", 3)]);
    await expect.poll(() => points("bars")).toHaveLength(2);
    await sendLines(served, [trade(0, "A", 7.25)]);
    await expect
      .poll(() => points("bars"))
      .toMatchObject([
        { time: 1767268800000000000, symbol: "A", close: 7.25, trades: 2, revision: 2 },
        { time: 1767268800000000000, symbol: "B b", close: 2, trades: 1, revision: 1 },
      ]);
  });

  it("are deleted when the result is taken back, and no other point with them", async () => {
    const clicks = dataset({
      columns: { at: column.timestamp(), user: column.text().nullable() },
      eventTime: "at",
      watermark: { outOfOrderness: "0s" },
    });
    const visits = session({
      from: clicks,
      gap: "1m",
      by: ["user"],
      measure: { clicks: count() },
      allowedLateness: "1h",
    });
    const definition = defineProject({
      name: "visits",
      datasets: { clicks },
      windows: { visits },
      sinks: { store: store({ from: visits }) },
    });
    await using served = await openServed(definition);
    const click = (minute: number, second: number, user: string | null): string =>
      JSON.stringify({ at: new Date(Date.UTC(2026, 0, 1, 0, minute, second)).toISOString(), user });
    const early = [click(0, 0, "a"), click(0, 0, null), click(1, 30, "a"), click(1, 30, null)];
    await sendLines(served, [...early, click(10, 0, "z")], "clicks");
    const held = async (): Promise<readonly unknown[]> =>
      (await points("visits")).map(({ user = null, clicks: n }) => [user, n]);
    await expect.poll(held).toHaveLength(4);
    await sendLines(served, [click(0, 45, null)], "clicks");
    // Two of a, and what was two of nobody.
    await expect.poll(held).toHaveLength(3);
    await expect
      .poll(async () => new Set((await held()).map((one) => JSON.stringify(one))))
      .toEqual(new Set(['["a",1]', "[null,3]"]));
  });
});

describe("a value", () => {
  it("of each kind comes back as it was", async () => {
    await using sink = opened();
    const row = {
      ...{ name: "a", yes: true, small: -7, big: "9223372036854775807", ratio: 1.5e300 },
      ...{ price: "1234567.890123", note: 'say "hi"\\ there\nand more', day: "2026-01-31" },
      ...{ seen: "2026-01-31T12:00:00.123456Z", other: '{"a":[1]}' },
    };
    await sink.deliver([delivery(row), delivery({ name: "nulls", small: 0 })], signal);
    const [first, second] = await points();
    expect(first).toEqual({
      ...row,
      time: 1769860800000001000,
      at: undefined,
      big: Number("9223372036854775807"),
      price: 1234567.890123,
    });
    expect(second).toEqual({ time: 1769860800000001000, name: "nulls", small: 0 });
    const big = await fetch(`${server.url}/query?db=${database}&q=SELECT+big+FROM+named`);
    expect(await big.text()).toContain("9223372036854775807");
  });

  it("of any text is a tag and a field that come back, or is refused", async () => {
    const nasty = fc.string({
      unit: fc.constantFrom("a", "\\", '"', "'", ",", "=", " ", "#", "\n", "é", "\t", "日", "\r"),
      minLength: 1,
      maxLength: 8,
    });
    await using sink = opened();
    let run = 0;
    let said = 0;
    await fc.assert(
      fc.asyncProperty(nasty, nasty, async (name, note) => {
        const us = String(++run).padStart(6, "0");
        const one = delivery({ at: `2026-02-01T00:00:00.${us}Z`, name, note });
        const isSaid = await sink.deliver([one], signal).then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ code: "KRB_SINKS_REJECTED" });
            return false;
          },
        );
        if (isSaid) said++;
        // The measurement may still be empty, and then it is unknown.
        const found = (await points()).find((point) => String(point["time"]).endsWith(`${us}000`));
        expect(found && [found["name"], found["note"]]).toEqual(isSaid ? [name, note] : undefined);
        if (!isSaid) return;
        await sink.deliver([{ ...one, op: "delete" }], signal);
        expect(await points()).toEqual([]);
      }),
      { numRuns: 150 },
    );
    expect(said).toBeGreaterThan(50);
  });

  it("that no point can have names its row, and the others are written", async () => {
    await using sink = opened();
    for (const row of [{ ratio: "NaN" }, { name: "a\nb", small: 1 }, { name: "a" }])
      await expect(sink.deliver([delivery(row)], signal)).rejects.toMatchObject({
        code: "KRB_SINKS_REJECTED",
      });
    expect(await points()).toEqual([]);
  });
});

describe("a server that", () => {
  it("has the field with another type refuses those points, and the others are delivered", async () => {
    await server.write(database, 'bars,symbol=B close="text" 1767268800000000000');
    await using served = await openServed(bars({ whenRejected: "skip" }));
    await sendLines(
      served,
      ["A", "B", "C"].map((symbol) => trade(0, symbol, 1)),
    );
    await sendLines(served, [trade(2, "A", 1)]);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({ state: "idle", delivered: 0, skipped: 3 });
    expect(await sinkOf(served)).toMatchObject({
      lastError: { message: expect.stringContaining("field type conflict") as string },
    });
  });

  it("has no such database blocks the sink, whatever may be skipped", async () => {
    await using served = await openServed(bars({ database: "nowhere", whenRejected: "skip" }));
    await sendLines(served, [trade(0, "A", 1), trade(2, "A", 1)]);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({
        state: "blocked",
        skipped: 0,
        lastError: { code: "KRB_SINKS_TARGET" },
      });
    await server.query("CREATE DATABASE nowhere");
    await expect.poll(() => sinkOf(served)).toMatchObject({ state: "idle", delivered: 1 });
  });
});

describe("the second version of InfluxDB", () => {
  it("is asked as its API says", async () => {
    await using receiver = await openReceiver();
    const target = { version: 2, org: "the team", bucket: "plant" } as const;
    const plan = influxdbPlan({ url: `${receiver.url}/influx`, target, token: "t0ken" });
    await using sink = openInfluxdb(plan, destinationDeps(VALUES));
    await sink.deliver([delivery({ name: "a b", small: 1 })], signal);
    await sink.deliver([delivery({ name: 'a "b"' }, { op: "delete" })], signal);
    expect(receiver.taken.map(({ path, body }) => [path, body])).toEqual([
      [
        "/influx/api/v2/write?org=the+team&bucket=plant&precision=us",
        "named,name=a\\ b small=1i 1769860800000001",
      ],
      [
        "/influx/api/v2/delete?org=the+team&bucket=plant",
        JSON.stringify({
          start: "2026-01-31T12:00:00.000001Z",
          stop: "2026-01-31T12:00:00.000001999Z",
          predicate: '"_measurement"="named" AND "name"="a \\"b\\""',
        }),
      ],
    ]);
    expect(receiver.taken[0]?.headers.authorization).toBe("Token t0ken");
  });
});

describe("a sink of points", () => {
  it.each([
    ["without a key", { from: "ticks" }, "because it has no key"],
    ["whose tags leave the key out", { tags: ["trades"] }, "because symbol is no tag"],
    ["with a tag that is no column", { tags: ["symbol", "nothing"] }, "nothing cannot be a tag"],
  ])("%s is a mistake that the start names", async (_, spec, message) => {
    await expect(openServed(bars(spec))).rejects.toMatchObject({
      code: "KRB_SINKS_POINTS",
      message: expect.stringContaining(message) as string,
    });
  });
});
