import { setTimeout as sleep } from "node:timers/promises";
import { tableFromIPC } from "apache-arrow";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Fixture, openFixture } from "../../test/query/fixture.ts";
import { sql } from "../core/sql.ts";
import { type QueryAnswer } from "./query.ts";
import { type StuckStatement } from "./watch.ts";

const TICKS = [
  { name: "time", type: { kind: "timestamp" }, nullable: false },
  { name: "symbol", type: { kind: "text" }, nullable: false },
  { name: "price", type: { kind: "float64" }, nullable: true },
] as const;

/** Runs for hours, and listens to interrupts. */
const ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range < b.range";
/** Does not: a hundred million sums in a single call. */
const DEAF = `SELECT sum(len(list_transform(l, lambda x: list_sum(list_transform(l, lambda y: x * y)))))
  FROM (SELECT list(range) AS l FROM range(8000))`;

async function openTicks(options: Parameters<typeof openFixture>[0] = {}): Promise<Fixture> {
  const fixture = await openFixture(options);
  await fixture.create("ticks", "time", TICKS);
  await fixture.create("ticks.dead_letters", "received_at", [
    { name: "received_at", type: { kind: "timestamp" }, nullable: false },
    { name: "reason", type: { kind: "text" }, nullable: false },
  ]);
  await fixture.connection.run(sql`
    INSERT INTO mem.ticks
    SELECT make_timestamp(range * 1000000), 'S' || range % 5, range / 4, range FROM range(10000)`);
  await fixture.connection.run(sql`
    INSERT INTO mem."ticks.dead_letters" VALUES (make_timestamp(0), 'broken', 1)`);
  await fixture.connection.run(sql`CREATE TABLE secret AS SELECT 42 AS x`);
  return fixture;
}

async function take(answer: QueryAnswer): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe("answers", () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openTicks();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test("come from datasets and their side tables, by one name each", async () => {
    expect(await fixture.rows("SELECT count(*), max(price) FROM ticks")).toEqual([
      [10000, 2499.75],
    ]);
    expect(await fixture.rows("SELECT reason FROM ticks.dead_letters")).toEqual([["broken"]]);
    expect(
      await fixture.rows("SELECT ticks.symbol, d.reason FROM ticks, ticks.dead_letters d LIMIT 1"),
    ).toEqual([["S0", "broken"]]);
    await expect(fixture.rows("SELECT _seq FROM ticks")).rejects.toMatchObject({
      code: "KRB_QUERY_SQL",
    });
  });

  test("take parameters by position and by name, none of them as SQL", async () => {
    const evil = "'; DROP TABLE secret; --";
    expect(await fixture.rows("SELECT ?, ? + 1, ?", [evil, 41, null])).toEqual([[evil, 42, null]]);
    expect(await fixture.rows("SELECT $b, $a, $b", { a: true, b: 2n ** 60n })).toEqual([
      ["1152921504606846976", true, "1152921504606846976"],
    ]);
    expect(
      await fixture.rows("SELECT count(*) FROM ticks WHERE time >= $1 AND symbol = $2", [
        "1970-01-01T00:01:40Z",
        "S1",
      ]),
    ).toEqual([[1980]]);
    expect(await fixture.rows("SELECT symbol FROM ticks ORDER BY time LIMIT $1", [1])).toEqual([
      ["S0"],
    ]);
  });

  test("are the user's errors, with DuckDB's words, where the user's SQL is wrong", async () => {
    for (const [text, message] of [
      ["SELECT nope FROM ticks", /nope/],
      ["SELECT symbol + 1 FROM ticks", /S0|INT/],
      ["SELECT sum(symbol) FROM ticks", /sum/],
      ["SELECT 'x'::INTEGER", /Could not convert/],
      ["SELECT abs('a', 'b', 'c')", /abs/],
      ["SELECT price::INTEGER / symbol::INTEGER FROM ticks", /S0/],
    ] as const) {
      await expect(fixture.rows(text), text).rejects.toMatchObject({
        code: "KRB_QUERY_SQL",
        message: expect.stringMatching(message),
      });
    }
  });

  test("that fail at a late row fail as a whole, with DuckDB's words", async () => {
    const text =
      "SELECT CASE WHEN range = 900000 THEN ('x' || range)::INTEGER ELSE 1 END AS n FROM range(2000000)";
    for (const format of ["json", "ndjson", "csv", "arrow", "parquet"] as const) {
      await expect(fixture.ask({ sql: text, format })).rejects.toMatchObject({
        code: "KRB_QUERY_SQL",
        message: expect.stringContaining("'x900000'"),
      });
    }
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
  });

  test("never write, never reach a file, never show another table", async () => {
    const outside = join(tmpdir(), "kurobe-outside.csv");
    await writeFile(outside, "x\n1\n");
    for (const text of [
      "INSERT INTO ticks VALUES (now(), 'x', 1)",
      "CREATE TABLE x AS SELECT 1",
      "COPY ticks TO 'x.csv'",
      "FROM secret",
      "FROM mem.ticks",
      "FROM rows.ticks",
      `FROM '${outside}'`,
      `FROM read_csv('${outside}')`,
      "FROM duckdb_settings()",
      "SELECT current_setting('threads')",
      "SELECT 1; DROP TABLE secret",
      "FROM query('FROM secret')",
      "FROM query_table('secret')",
      "FROM enable_logging()",
      "SET threads = 1",
    ]) {
      await expect(fixture.rows(text), text).rejects.toMatchObject({
        code: expect.stringMatching(/^KRB_QUERY_(NOT_ALLOWED|UNKNOWN_RELATION)$/),
      });
    }
    expect(await fixture.connection.values(sql`SELECT x FROM secret`)).toEqual([[42]]);
  });

  test("leave nothing behind: no lease, no place, no file, no transaction", async () => {
    for (const format of ["json", "ndjson", "csv", "arrow", "parquet"] as const) {
      await fixture.ask({ sql: "SELECT symbol FROM ticks", format });
      const early = await fixture.query.ask({ sql: "SELECT symbol FROM ticks", format });
      expect(fixture.leases()).toBe(1);
      await early[Symbol.asyncDispose]();
      for await (const _ of (await fixture.query.ask({ sql: "FROM ticks", format })).body) break;
      await fixture.ask({ sql: "SELECT 'x'::INTEGER", format }).catch(() => undefined);
      await fixture.ask({ sql: "SELEC", format }).catch(() => undefined);
      await vi.waitFor(() => expect(fixture.query.status()).toEqual({ running: 0, waiting: 0 }));
      expect(fixture.leases()).toBe(0);
      expect(await fixture.staged()).toEqual([]);
    }
    // A transaction left open would keep this row from being seen.
    await fixture.connection.run(
      sql`INSERT INTO mem."ticks.dead_letters" VALUES (now(), 'new', 2)`,
    );
    for (let i = 0; i < 5; i++) {
      expect(await fixture.rows("SELECT count(*) FROM ticks.dead_letters")).toEqual([[2]]);
    }
  });

  test("see one state from the first row to the last", async () => {
    await using answer = await fixture.query.ask({
      sql: "SELECT symbol FROM ticks UNION ALL SELECT symbol FROM ticks",
      format: "csv",
    });
    await fixture.connection.run(sql`DELETE FROM mem.ticks WHERE symbol = 'S4'`);
    const lines = (await take(answer)).trim().split("\n");
    expect(lines.length).toBe(20_001);
    expect(await fixture.rows("SELECT count(*) FROM ticks")).toEqual([[8000]]);
  });
});

describe("limits", () => {
  test("on rows are an error, never a shorter result", async () => {
    await using fixture = await openTicks({ limits: { maxRows: 5000 } });
    for (const format of ["json", "ndjson", "csv", "arrow", "parquet"] as const) {
      const asked = (text: string, maxRows?: number) => fixture.ask({ sql: text, format, maxRows });
      await expect(asked("FROM ticks")).rejects.toMatchObject({ code: "KRB_QUERY_TOO_MANY_ROWS" });
      await expect(asked("FROM ticks LIMIT 11", 10)).rejects.toMatchObject({
        code: "KRB_QUERY_TOO_MANY_ROWS",
      });
      await expect(asked("FROM ticks LIMIT 10", 10)).resolves.toBeDefined();
      await expect(asked("FROM ticks LIMIT 5000", 99_999)).resolves.toBeDefined();
      await expect(asked("SELECT range FROM range(1000000000000)")).rejects.toMatchObject({
        code: "KRB_QUERY_TOO_MANY_ROWS",
      });
    }
    expect(await fixture.staged()).toEqual([]);
  });

  test("on bytes hold for every format", async () => {
    await using fixture = await openTicks({ limits: { maxResultBytes: 10_000 } });
    for (const format of ["json", "ndjson", "csv", "arrow", "parquet"] as const) {
      const asked = fixture.ask({ sql: "SELECT md5(time::VARCHAR) FROM ticks", format });
      await expect(asked).rejects.toMatchObject({ code: "KRB_QUERY_RESULT_TOO_LARGE" });
    }
  });

  test("on time interrupt what computes, before the first row and after it", async () => {
    await using fixture = await openTicks({ limits: { timeLimitMs: 200 } });
    await expect(fixture.rows(ENDLESS)).rejects.toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
    await expect(fixture.ask({ sql: ENDLESS, format: "parquet" })).rejects.toMatchObject({
      code: "KRB_QUERY_TIMEOUT",
    });
    const late =
      "SELECT range FROM range(1000000000000) WHERE range < 500000 OR range = 999999999999";
    const answer = await fixture.query.ask({ sql: late, format: "csv" });
    await expect(take(answer)).rejects.toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
    expect(fixture.leases()).toBe(0);
  });

  test("on time do not count the reader's own pauses", async () => {
    await using fixture = await openTicks({ limits: { timeLimitMs: 300 } });
    await using answer = await fixture.query.ask({ sql: "FROM range(100000)", format: "csv" });
    let pieces = 0;
    for await (const _ of answer.body) {
      pieces += 1;
      if (pieces < 5) await sleep(100);
    }
    expect(pieces).toBeGreaterThan(5);
  });

  test("on pauses free what a lost reader holds", async () => {
    await using fixture = await openTicks({ limits: { maxPauseMs: 50 } });
    const answer = await fixture.query.ask({ sql: "FROM range(100000)", format: "csv" });
    await vi.waitFor(() => expect(fixture.query.status().running).toBe(0));
    expect(fixture.leases()).toBe(0);
    await expect(take(answer)).rejects.toMatchObject({ code: "KRB_QUERY_STALLED" });
  });

  test("on memory stop statements before DuckDB notices", async () => {
    let residentBytes = 0;
    await using fixture = await openTicks({
      memory: { limitBytes: 1000, residentBytes: () => residentBytes },
    });
    setTimeout(() => (residentBytes = 1001), 100);
    await expect(fixture.rows(ENDLESS)).rejects.toMatchObject({ code: "KRB_QUERY_MEMORY" });
    residentBytes = 0;
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
  });

  test("of DuckDB's own memory are coded", async () => {
    await using fixture = await openTicks();
    const big =
      "SELECT count(*) FROM (SELECT DISTINCT hash(range), md5(range::VARCHAR) FROM range(50000000))";
    await expect(fixture.rows(big)).rejects.toMatchObject({ code: "KRB_QUERY_MEMORY" });
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
  });

  test("that a statement does not hear are told to the supervisor", async () => {
    const stuck: StuckStatement[] = [];
    await using fixture = await openTicks({
      limits: { timeLimitMs: 50 },
      onStuck: (statement) => stuck.push(statement),
    });
    const outcome = expect(fixture.rows(DEAF)).rejects.toMatchObject({ code: "KRB_QUERY_TIMEOUT" });
    await vi.waitFor(() => expect(stuck).toEqual([{ text: DEAF, elapsedMs: 1050 }]), 20_000);
    await outcome;
  });
});

describe("cancelling", () => {
  test("stops what runs, what waits, and what is being read", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 1 } });
    const running = new AbortController();
    const first = fixture.ask({ sql: ENDLESS, signal: running.signal });
    const outcome = expect(first).rejects.toMatchObject({ code: "KRB_QUERY_CANCELLED" });
    await sleep(30);
    const waiting = new AbortController();
    const second = fixture.ask({ sql: "SELECT 1", signal: waiting.signal });
    const turned = expect(second).rejects.toMatchObject({ code: "KRB_QUERY_CANCELLED" });
    expect(fixture.query.status()).toEqual({ running: 1, waiting: 1 });
    waiting.abort();
    await turned;
    running.abort();
    await outcome;
    await expect(fixture.ask({ sql: "SELECT 1", signal: running.signal })).rejects.toMatchObject({
      code: "KRB_QUERY_CANCELLED",
    });
    const reading = new AbortController();
    const answer = await fixture.query.ask({
      sql: "FROM range(1000000)",
      format: "csv",
      signal: reading.signal,
    });
    reading.abort();
    await expect(take(answer)).rejects.toMatchObject({ code: "KRB_QUERY_CANCELLED" });
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
    expect(fixture.leases()).toBe(0);
  });

  test("at any moment leaves the connections usable", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 2 } });
    for (let delayMs = 0; delayMs < 24; delayMs++) {
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), delayMs / 4);
      await fixture
        .ask({ sql: "SELECT symbol, sum(price) FROM ticks GROUP BY 1", signal: abort.signal })
        .catch((error: unknown) => expect(error).toMatchObject({ code: "KRB_QUERY_CANCELLED" }));
      clearTimeout(timer);
    }
    await vi.waitFor(() => expect(fixture.query.status()).toEqual({ running: 0, waiting: 0 }));
    expect(await fixture.rows("SELECT count(*) FROM ticks")).toEqual([[10000]]);
    expect(fixture.leases()).toBe(0);
  });
});

describe("many queries", () => {
  test("wait in line, and the line has an end", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 1, maxWaiting: 3 } });
    const asked = Array.from({ length: 8 }, (_, i) => fixture.rows(`SELECT ${i} FROM range(3)`));
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBe(4);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "KRB_QUERY_BUSY" });
    expect(outcomes.slice(0, 4).map((one) => one.status === "fulfilled" && one.value)).toEqual(
      [0, 1, 2, 3].map((i) => [[i], [i], [i]]),
    );
  });

  test("are turned away when their turn does not come", async () => {
    await using fixture = await openTicks({ limits: { maxOpen: 1, maxWaitMs: 30 } });
    await using _answer = await fixture.query.ask({ sql: "FROM ticks", format: "csv" });
    await expect(fixture.rows("SELECT 1")).rejects.toMatchObject({ code: "KRB_QUERY_BUSY" });
  });

  test("are not held up by slow readers", async () => {
    await using fixture = await openTicks({ limits: { concurrency: 1 } });
    const slow = await Promise.all(
      Array.from({ length: 4 }, () =>
        fixture.query.ask({ sql: "FROM range(100000)", format: "csv" }),
      ),
    );
    expect(await fixture.rows("SELECT 1")).toEqual([[1]]);
    const texts = await Promise.all(slow.map(take));
    for (const text of texts) expect(text.split("\n").length).toBe(100_002);
  });

  test("end when the query room closes, and none is taken after", async () => {
    const fixture = await openTicks();
    const running = expect(fixture.rows(ENDLESS)).rejects.toMatchObject({
      code: "KRB_QUERY_CANCELLED",
    });
    await sleep(20);
    await fixture.query[Symbol.asyncDispose]();
    await running;
    await expect(fixture.rows("SELECT 1")).rejects.toMatchObject({ code: "KRB_CORE_CLOSED" });
    await fixture[Symbol.asyncDispose]();
  });
});

describe("formats", () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openTicks();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const VALUES = `SELECT
    9007199254740991 AS safe, 9007199254740992 AS big, -9223372036854775808 AS least, 18446744073709551615 AS unsigned,
    170141183460469231731687303715884105727::HUGEINT AS huge, 1.10::DECIMAL(4, 2) AS d4, -0.05::DECIMAL(9, 2) AS d9,
    -12345678901234.5678::DECIMAL(18, 4) AS d18, 0.00000000000000000001::DECIMAL(38, 20) AS d38, 5::DECIMAL(5, 0) AS d0,
    0.1 + 0.2e0 AS sum, -0.0::DOUBLE AS zero, 1e300 AS large, 1e-7::DOUBLE AS tiny, 'NaN'::DOUBLE AS nan, '-inf'::DOUBLE AS inf, 0.5::FLOAT AS f32,
    true AS yes, 'a"b\\c,' || chr(10) || chr(1) || 'é😀' AS text, '' AS empty, NULL AS nothing,
    TIMESTAMP '2026-01-02 03:04:05.000006' AS t, TIMESTAMP '1969-12-31 23:59:59.999999' AS before, TIMESTAMP '0001-01-01 00:00:00' AS ancient,
    TIMESTAMP '9999-12-31 23:59:59.999999' AS far, 'infinity'::TIMESTAMP AS never, TIMESTAMPTZ '2026-01-01 00:00:00+09' AS tz,
    DATE '1969-12-31' AS day, '{"a": [1, 12345678901234567890]}'::JSON AS json, '\\xFF\\x00'::BLOB AS blob, [1, NULL] AS list,
    {'t': TIMESTAMP '2026-01-01', 'd': 1.50::DECIMAL(3, 2), 'b': 9007199254740993} AS struct, INTERVAL 1 DAY AS span, TIME '01:02:03' AS clock`;

  const EXPECTED = {
    safe: "9007199254740991",
    big: '"9007199254740992"',
    least: '"-9223372036854775808"',
    unsigned: '"18446744073709551615"',
    huge: '"170141183460469231731687303715884105727"',
    d4: '"1.10"',
    d9: '"-0.05"',
    d18: '"-12345678901234.5678"',
    d38: '"0.00000000000000000001"',
    d0: '"5"',
    sum: "0.30000000000000004",
    zero: "-0",
    large: "1e+300",
    tiny: "1e-7",
    nan: '"NaN"',
    inf: '"-Infinity"',
    f32: "0.5",
    yes: "true",
    text: String.raw`"a\"b\\c,\n\u0001é😀"`,
    empty: '""',
    nothing: "null",
    t: '"2026-01-02T03:04:05.000006Z"',
    before: '"1969-12-31T23:59:59.999999Z"',
    ancient: '"0001-01-01T00:00:00.000000Z"',
    far: '"9999-12-31T23:59:59.999999Z"',
    never: '"infinity"',
    tz: '"2025-12-31T15:00:00.000000Z"',
    day: '"1969-12-31"',
    json: '{"a": [1, 12345678901234567890]}',
    blob: '"/wA="',
    list: "[1,null]",
    struct: '{"t":"2026-01-01T00:00:00.000000Z","d":"1.50","b":"9007199254740993"}',
    span: '"1 day"',
    clock: '"01:02:03"',
  };

  test("NDJSON and JSON keep every value exactly", async () => {
    const line = Object.entries(EXPECTED)
      .map(([name, value]) => `"${name}":${value}`)
      .join(",");
    expect((await fixture.ask({ sql: VALUES, format: "ndjson" })).toString()).toBe(`{${line}}\n`);
    const json = (await fixture.ask({ sql: VALUES })).toString();
    expect(json).toContain(`\n[${Object.values(EXPECTED).join(",")}]\n]`);
    const read = JSON.parse(json) as { columns: unknown[]; rowCount: number; elapsedMs: number };
    expect(read.columns.slice(5, 8)).toEqual([
      { name: "d4", type: "DECIMAL(4,2)" },
      { name: "d9", type: "DECIMAL(9,2)" },
      { name: "d18", type: "DECIMAL(18,4)" },
    ]);
    expect(read.rowCount).toBe(1);
    expect(read.elapsedMs).toBeGreaterThan(0);
  });

  test("CSV is read back by DuckDB as the same values", async () => {
    const csv = await fixture.ask({ sql: VALUES, format: "csv" });
    expect(csv.toString()).toContain(
      ',true,"a""b\\c,\n\u0001é😀","",,2026-01-02T03:04:05.000006Z,',
    );
    const text = await fixture.ask({
      sql: "SELECT * FROM (VALUES (1, 'a,b'), (2, NULL), (3, ''), (4, 'x')) t(n, s) ORDER BY n",
      format: "csv",
    });
    expect(text.toString()).toBe('n,s\n1,"a,b"\n2,\n3,""\n4,x\n');
    const empty = await fixture.ask({
      sql: "SELECT 1 AS a, 'x' AS \"b,c\" WHERE false",
      format: "csv",
    });
    expect(empty.toString()).toBe('a,"b,c"\n');
  });

  test("Arrow is read back by its own library, nulls and long texts included", async () => {
    const arrow = tableFromIPC(
      // The library itself cannot read the largest timestamp.
      await fixture.ask({ sql: `SELECT * EXCLUDE (never) FROM (${VALUES})`, format: "arrow" }),
    );
    const row = arrow.get(0)?.toJSON() ?? {};
    expect(row["least"]).toBe(-(2n ** 63n));
    expect(row["text"]).toBe('a"b\\c,\n\u0001é😀');
    expect(row["nothing"]).toBeNull();
    expect(row["huge"]).toBe("170141183460469231731687303715884105727");
    expect(row["blob"]).toEqual(Uint8Array.of(255, 0));
    expect(row["nan"]).toBeNaN();
    expect(row["struct"]).toBe(EXPECTED.struct);
    expect(arrow.schema.fields.map((field) => String(field.type)).slice(5, 10)).toEqual([
      "Decimal[4e+2]",
      "Decimal[9e+2]",
      "Decimal[18e+4]",
      "Decimal[38e+20]",
      "Decimal[5e0]",
    ]);
    const many = tableFromIPC(
      await fixture.ask({
        sql: `SELECT range AS n, CASE WHEN range % 3 > 0 THEN repeat('é', range::INTEGER % 40) END AS s,
              range % 2 = 0 AS even, (range / 8)::DECIMAL(12, 3) AS d, make_timestamp(range) AS t FROM range(70000)`.replace(
          "repeat('é', range::INTEGER % 40)",
          "rpad('é', 40, 'é')[1:range % 40]",
        ),
        format: "arrow",
      }),
    );
    expect(many.numRows).toBe(70_000);
    for (const n of [0, 1, 32_767, 32_768, 32_769, 65_536, 69_999]) {
      const one = many.get(n)?.toJSON() ?? {};
      expect(one["n"]).toBe(BigInt(n));
      expect(one["s"]).toBe(n % 3 > 0 ? "é".repeat(n % 40) : null);
      expect(one["even"]).toBe(n % 2 === 0);
    }
    const none = tableFromIPC(
      await fixture.ask({ sql: "SELECT 1 AS a WHERE false", format: "arrow" }),
    );
    expect([none.numRows, none.schema.fields.map((field) => field.name)]).toEqual([0, ["a"]]);
  });

  test("Parquet is DuckDB's own, with parameters and names used twice", async () => {
    const bytes = await fixture.ask({
      sql: "SELECT symbol, price, price FROM ticks WHERE symbol = ? -- the end",
      parameters: ["S1"],
      format: "parquet",
    });
    expect(bytes.subarray(0, 4).toString()).toBe("PAR1");
    expect(bytes.subarray(-4).toString()).toBe("PAR1");
    expect(bytes.length).toBeGreaterThan(1000);
  });

  test("give columns of one name different keys where readers need them", async () => {
    const twice = "SELECT 1 AS a, 2 AS a, 3 AS a_1";
    expect((await fixture.ask({ sql: twice, format: "ndjson" })).toString()).toBe(
      '{"a":1,"a_1":2,"a_1_1":3}\n',
    );
    expect(await fixture.rows(twice)).toEqual([[1, 2, 3]]);
  });
});
