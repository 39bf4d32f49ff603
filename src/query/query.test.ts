import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Fixture, openTicks, take } from "../../test/query/fixture.ts";
import { sql } from "../core/sql.ts";

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
      await expect(fixture.rows(text)).rejects.toMatchObject({
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
      await expect(fixture.rows(text)).rejects.toMatchObject({
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
