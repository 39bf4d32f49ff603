import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { postgresPlan } from "../../test/support/sink-plans.ts";
import { type PostgresServer, startPostgresServer } from "../../test/support/postgres-server.ts";
import {
  describeRowKeeper,
  destinationDeps,
  NAMED,
  namedDelivery,
} from "../../test/support/row-keeper.ts";
import { openServed, type Served, ticksProject } from "../../test/support/served-platform.ts";
import { isIdle, send, sinkOf, trades } from "../../test/support/sink-traffic.ts";
import {
  col,
  column,
  count,
  dataset,
  defineProject,
  last,
  postgres,
  type PostgresSpec,
  session,
  tumbling,
} from "../index.ts";
import { openPostgres } from "./postgres.ts";

let server: PostgresServer;
/** Gives every value as the text that PostgreSQL has for it. */
let reader: pg.Pool;

beforeAll(async () => {
  server = await startPostgresServer();
  const types = { getTypeParser: () => String };
  reader = new pg.Pool({ connectionString: server.url, types, max: 1 });
  reader.on("error", () => undefined);
});
afterAll(async () => {
  await reader.end();
  await server[Symbol.asyncDispose]();
});

/** Each test has a schema of its own. */
let schema = "";
let schemas = 0;
beforeEach(async () => {
  schema = `t${++schemas}`;
  await server.psql(`CREATE SCHEMA ${schema}`);
});

async function rows(text: string): Promise<readonly Readonly<Record<string, string | null>>[]> {
  return (await reader.query<Record<string, string | null>>(text)).rows;
}

function bars(spec: Partial<PostgresSpec> = {}): unknown {
  return defineProject({
    ...ticksProject.spec,
    sinks: {
      store: postgres({
        from: "bars",
        url: server.url,
        table: `${schema}.bars`,
        createTable: true,
        retry: { first: "5ms", max: "20ms" },
        ...spec,
      }),
    },
  });
}

const barsThere = (): Promise<readonly Readonly<Record<string, string | null>>[]> =>
  rows(`SELECT window_start, symbol, close, trades, revision FROM ${schema}.bars ORDER BY 1, 2`);

describe("a table of PostgreSQL", () => {
  describeRowKeeper(async () => {
    const plan = postgresPlan({ url: server.url, schema, table: "named" });
    const destination = await openPostgres(plan, destinationDeps(NAMED));
    return {
      destination,
      held: async () => {
        const found = await rows(`SELECT name, n FROM ${schema}.named`);
        return new Map(found.map(({ name, n }) => [String(name), Number(n)]));
      },
      [Symbol.asyncDispose]: () => destination[Symbol.asyncDispose](),
    };
  });

  it("is not written to by a repetition", async () => {
    const plan = postgresPlan({ url: server.url, schema, table: "named" });
    await using destination = await openPostgres(plan, destinationDeps(NAMED));
    const { signal } = new AbortController();
    const batch = [namedDelivery("a", 1, 1), namedDelivery("b", 1, 1)];
    await destination.deliver(batch, signal);
    const before = await rows(`SELECT xmin, name, n FROM ${schema}.named ORDER BY name`);
    await destination.deliver(batch, signal);
    expect(await rows(`SELECT xmin, name, n FROM ${schema}.named ORDER BY name`)).toEqual(before);
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
    const definition = defineProject({
      name: "exact",
      datasets: { exact },
      sinks: {
        store: postgres({
          from: exact,
          url: server.url,
          table: `${schema}.exact`,
          createTable: true,
        }),
      },
    });
    await using served = await openServed(definition);
    const whole = {
      at: "2026-01-01T12:00:00.123456Z",
      id: "9223372036854775807",
      small: -2147483648,
      big: "1234567890123456789012345678.0123456789",
      money: "0.10",
      ratio: 0.1,
      isOpen: true,
      note: 'quote " backslash \\ comma , brace {} NULL null \n 日本 🦀',
      day: "2024-02-29",
      extra: { a: [1, "x", null] },
    };
    await send(served, JSON.stringify(whole), "exact");
    await send(served, JSON.stringify({ at: whole.at, id: 2, note: "NULL" }), "exact");
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 2 });
    const found = await rows(
      `SELECT *, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
         FROM ${schema}.exact ORDER BY id DESC`,
    );
    const texts = { ...whole, small: "-2147483648", ratio: "0.1", isOpen: "t" };
    const { extra, ...plain } = texts;
    expect(found[0]).toMatchObject(plain);
    expect(JSON.parse(found[0]?.["extra"] ?? "")).toEqual(extra);
    expect(found[1]).toMatchObject({ id: "2", note: "NULL", big: null, extra: null, day: null });
    const types = await rows(
      `SELECT column_name AS name, data_type AS type, numeric_precision AS digits, is_nullable AS nullable
         FROM information_schema.columns WHERE table_schema = '${schema}' AND table_name = 'exact'`,
    );
    expect(types).toContainEqual({
      name: "at",
      type: "timestamp with time zone",
      digits: null,
      nullable: "NO",
    });
    expect(types).toContainEqual({ name: "big", type: "numeric", digits: "38", nullable: "YES" });
  });

  it("follows a window through corrections and a restart", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kurobe-postgres-sink-"));
    try {
      for (let round = 0; round < 2; round++) {
        await using served = await openServed(bars(), { directory });
        await send(served, trades(round * 3, 3));
        // Late: it corrects the first minute.
        await send(served, trades(0, 1).split("\n")[0] ?? "");
        await expect.poll(() => sinkOf(served)).toMatchObject(isIdle);
        const own = await served.post(
          "/v1/sql",
          JSON.stringify({
            sql: "SELECT symbol, close, trades, revision FROM bars ORDER BY window_start, symbol",
          }),
          { "content-type": "application/json" },
        );
        const { rows: expected } = (await own.json()) as { rows: readonly unknown[][] };
        const held = await barsThere();
        expect(held.length).toBe(round === 0 ? 6 : 15);
        expect(
          held.map(({ symbol, close, trades: n, revision }) => [
            symbol,
            close,
            Number(n),
            Number(revision),
          ]),
        ).toEqual(expected);
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it("loses sessions that are joined, and keeps groups that are null", async () => {
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
      sinks: {
        store: postgres({
          from: visits,
          url: server.url,
          table: `${schema}.visits`,
          createTable: true,
        }),
      },
    });
    await using served = await openServed(definition);
    const click = (minute: number, second: number, user: string | null): string =>
      JSON.stringify({ at: new Date(Date.UTC(2026, 0, 1, 0, minute, second)).toISOString(), user });
    const early = [click(0, 0, "a"), click(0, 0, null), click(1, 30, "a"), click(1, 30, null)];
    await send(served, [...early, click(10, 0, "z")].join("\n"), "clicks");
    const held = async (): Promise<readonly unknown[]> =>
      (await rows(`SELECT "user", clicks FROM ${schema}.visits ORDER BY window_start, "user"`)).map(
        (row) => Object.values(row),
      );
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

  it("follows a window that is computed anew, whose revisions begin at one again", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kurobe-postgres-sink-"));
    const store = postgres({
      ...{ from: "bars", url: server.url, table: `${schema}.bars`, createTable: true },
    });
    const open = (positive: "price" | "quantity"): Promise<Served> => {
      const { ticks } = ticksProject.spec.datasets;
      const measure = { close: last("price"), trades: count() };
      const spec = { from: ticks, size: "1m", by: ["symbol"], measure } as const;
      const windows = {
        bars: tumbling({ ...spec, where: col(positive).gt(0), allowedLateness: "1h" }),
      };
      const project = defineProject({ ...ticksProject.spec, windows, sinks: { store } });
      return openServed(project, { directory });
    };
    const [late = ""] = trades(0, 1).split("\n");
    try {
      {
        await using served = await open("quantity");
        await send(served, trades(0, 2));
        await send(served, late);
        await expect.poll(() => sinkOf(served)).toMatchObject(isIdle);
        expect((await barsThere())[0]).toMatchObject({ symbol: "A", trades: "13", revision: "2" });
      }
      await using served = await open("price");
      await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
      expect((await barsThere())[0]).toMatchObject({ symbol: "A", trades: "11", revision: "1" });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it("takes rows without a key once each", async () => {
    await using served = await openServed(bars({ from: "ticks", table: `${schema}.ticks` }));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 72 });
    expect(
      await rows(`SELECT count(*) AS n, count(DISTINCT _id) AS ids FROM ${schema}.ticks`),
    ).toEqual([{ n: "72", ids: "72" }]);
  });
});

describe("a table that", () => {
  it("refuses a row gets the others when the sink may skip", async () => {
    await using served = await openServed(bars({ whenRejected: "skip", start: "earliest" }));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
    await server.psql(`ALTER TABLE ${schema}.bars ADD CHECK (symbol <> 'B') NOT VALID`);
    await send(served, trades(2, 3));
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({
        ...isIdle,
        delivered: 9,
        skipped: 3,
        lastError: {
          code: "KRB_SINKS_REJECTED",
          message: expect.stringMatching(/check/) as string,
        },
      });
    expect((await barsThere()).filter(({ symbol }) => symbol === "B")).toHaveLength(1);
  });

  it("refuses a row blocks the sink until it is repaired", async () => {
    await using served = await openServed(bars());
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject(isIdle);
    await server.psql(
      `ALTER TABLE ${schema}.bars ADD CONSTRAINT no_b CHECK (symbol <> 'B') NOT VALID`,
    );
    await send(served, trades(2, 2));
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({ state: "blocked", lastError: { code: "KRB_SINKS_REJECTED" } });
    await server.psql(`ALTER TABLE ${schema}.bars DROP CONSTRAINT no_b`);
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 9 });
  });

  it("is missing, or would round, is named with the statement that makes it", async () => {
    await using served = await openServed(bars({ createTable: false }));
    await send(served, trades(0, 2));
    const problem = async (): Promise<unknown> => (await sinkOf(served)).lastError;
    await expect.poll(problem).toEqual({
      code: "KRB_SINKS_TARGET",
      message: `sink store cannot use the table "${schema}"."bars": it does not exist; there is no table kurobe_deleted beside it`,
    });
    expect(await sinkOf(served)).toMatchObject({ state: "blocked", lagRows: 3 });
    await server.psql(
      `CREATE TABLE ${schema}.bars (window_start timestamptz, window_end timestamptz, symbol text,
        close numeric(12, 2), trades bigint, revision bigint, _version integer, owner text NOT NULL,
        UNIQUE (window_start, symbol))`,
    );
    await expect.poll(problem).toEqual({
      code: "KRB_SINKS_TARGET",
      message:
        `sink store cannot use the table "${schema}"."bars": ` +
        "its column close is numeric(12,2), not close numeric(12,4); " +
        "its column _version is integer, not _version bigint; " +
        "its column owner is NOT NULL, and nothing fills it; " +
        "there is no table kurobe_deleted beside it",
    });
    await server.psql(
      `ALTER TABLE ${schema}.bars ALTER close TYPE numeric, ALTER _version TYPE bigint, DROP owner`,
      `CREATE TABLE ${schema}.kurobe_deleted (table_name text, key text, version bigint,
        deleted_at timestamptz DEFAULT now(), PRIMARY KEY (table_name, key))`,
    );
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
  });

  it("lacks a new column gets it when the sink may create", async () => {
    await server.psql(
      `CREATE TABLE ${schema}.bars (window_start timestamptz, symbol text, window_end timestamptz,
        PRIMARY KEY (window_start, symbol))`,
    );
    await using served = await openServed(bars());
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject({ ...isIdle, delivered: 3 });
    expect((await barsThere()).map(({ close }) => close)).toEqual([
      "55.0000",
      "55.0000",
      "55.0000",
    ]);
  });

  it("the user may not write to says so and is not skipped", async () => {
    await server
      .psql("CREATE ROLE reader LOGIN", `GRANT USAGE ON SCHEMA ${schema} TO reader`)
      .catch(() => undefined);
    await server.psql(
      `CREATE TABLE ${schema}.named (at timestamptz, name text PRIMARY KEY, n bigint, _version bigint)`,
    );
    const url = server.url.replace("kurobe@", "reader@");
    const plan = postgresPlan({ url, schema, table: "named", createTable: false });
    await using destination = await openPostgres(
      plan,
      destinationDeps(NAMED, { canDelete: false }),
    );
    await expect(
      destination.deliver([namedDelivery("a", 1, 1)], new AbortController().signal),
    ).rejects.toMatchObject({ code: "KRB_SINKS_DENIED" });
  });
});

describe("a server that", () => {
  it("is stopped, and killed, loses nothing", async () => {
    await using served = await openServed(bars({ batch: 2 }));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject(isIdle);
    for (const mode of ["fast", "immediate"] as const) {
      server.stop(mode);
      const before = (await sinkOf(served)).delivered;
      await send(served, trades(before === 3 ? 2 : 4, 2));
      await expect
        .poll(() => sinkOf(served))
        .toMatchObject({ state: "retrying", lastError: { code: "KRB_SINKS_UNREACHABLE" } });
      server.start();
      await expect.poll(() => sinkOf(served), { timeout: 10_000 }).toMatchObject(isIdle);
    }
    expect(await barsThere()).toHaveLength(15);
  });

  it("hangs is given up after the timeout, and gets the rows when it is back", async () => {
    await using served = await openServed(bars({ timeout: "200ms" }));
    await send(served, trades(0, 2));
    await expect.poll(() => sinkOf(served)).toMatchObject(isIdle);
    const locker = new pg.Client({ connectionString: server.url });
    await locker.connect();
    try {
      await locker.query(`BEGIN; LOCK TABLE ${schema}.bars`);
      await send(served, trades(2, 2));
      await expect
        .poll(() => sinkOf(served))
        .toMatchObject({ state: "retrying", lastError: { code: "KRB_SINKS_UNREACHABLE" } });
    } finally {
      await locker.end();
    }
    await expect.poll(() => sinkOf(served)).toMatchObject(isIdle);
    expect(await barsThere()).toHaveLength(9);
  });
});
