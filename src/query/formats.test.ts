import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fixture, openTicks } from "../../test/query/fixture.ts";

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
