import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sql } from "../core/sql.ts";
import { openDatabase, type Connection, type Database } from "./duckdb.ts";

let directory: string;
let database: Database;
let connection: Connection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-duckdb-"));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  database = await openDatabase({
    memoryLimitBytes: 256 * 1024 * 1024,
    threads: 2,
    temporaryDirectory: null,
    maxTemporaryBytes: 0,
    allowedDirectories: [directory],
  });
  connection = await database.connect();
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
});

describe("values", () => {
  test("come as the table in value.ts says", async () => {
    const [row] = await connection.rows(sql`
      SELECT
        true AS flag, 1::TINYINT AS tiny, 9007199254740993 AS big, sum(1) AS summed,
        (2::HUGEINT ** 100)::HUGEINT AS huge, 1.50::DECIMAL(10, 2) AS price, 0.1 + 0.2e0 AS float,
        'NaN'::DOUBLE AS nan, 'é' || chr(0) || '😀' AS text, '{"a": 1}'::JSON AS json,
        DATE '1970-01-02' AS day, TIMESTAMP '1969-12-31 23:59:59.999999' AS at,
        TIMESTAMP_MS '1970-01-01 00:00:01' AS at_ms, TIMESTAMP_NS '1970-01-01 00:00:00.000000001' AS at_ns,
        [1, NULL] AS list, {'a': 'x', 'b': [DATE '1970-01-01']} AS struct, MAP {'k': 1} AS map,
        '\\xFF'::BLOB AS blob, NULL AS nothing, INTERVAL 1 DAY AS span`);
    expect(row).toEqual({
      flag: true,
      tiny: 1,
      big: 9007199254740993n,
      summed: 1n,
      huge: 2n ** 100n,
      price: "1.50",
      float: 0.1 + 0.2,
      nan: Number.NaN,
      text: "é\0😀",
      json: '{"a": 1}',
      day: 1,
      at: -1n,
      at_ms: 1_000_000n,
      at_ns: 1n,
      list: [1, null],
      struct: { a: "x", b: [0] },
      map: [{ key: "k", value: 1 }],
      blob: Uint8Array.of(255),
      nothing: null,
      span: "1 day",
    });
  });

  test("bound as parameters arrive unchanged and with the right type", async () => {
    const values = ["a'b\0c", 5, -0, 1.5, 2 ** 40, 2n ** 62n, 2n ** 100n, false, null] as const;
    const asked = sql.join(values.map((value) => sql`${value}`));
    expect(await connection.values(sql`SELECT ${asked}`)).toEqual([
      ["a'b\0c", 5, -0, 1.5, BigInt(2 ** 40), 2n ** 62n, 2n ** 100n, false, null],
    ]);
    const text = sql`SELECT TIMESTAMP '2026-01-01' >= ${"2025-12-31T23:00:00Z"}`;
    expect(await connection.values(text)).toEqual([[true]]);
  });

  test("appended read back as they went in, and text is cast", async () => {
    await connection.run(sql`CREATE SCHEMA s; CREATE TABLE s.t (
      flag BOOLEAN, n INTEGER, big BIGINT, f DOUBLE, price DECIMAL(10, 2), text VARCHAR, day DATE,
      "at" TIMESTAMP, json JSON, blob BLOB, other VARCHAR DEFAULT 'x')`);
    const row = [true, 7, 2n ** 60n, 1e300, "12.34", "é", 20_000, -5n, '{"a":1}', Uint8Array.of(1)];
    const nulls = Array.from({ length: 10 }, () => null);
    connection.append(
      ["s", "t"],
      [
        [...row, undefined],
        [...nulls, null],
      ],
    );
    const read = await connection.values(
      sql`SELECT flag, n, big, f, price, text, day, "at", json, blob, other FROM s.t`,
    );
    expect(read).toEqual([
      [...row, "x"],
      [...nulls, null],
    ]);
  });

  test("that do not fit leave no row of the batch behind", async () => {
    await connection.run(sql`CREATE TABLE t (n INTEGER, price DECIMAL(4, 2))`);
    expect(() =>
      connection.append(
        ["t"],
        [
          [1, "1.00"],
          [2, "not a number"],
        ],
      ),
    ).toThrow(expect.objectContaining({ code: "KRB_DUCKDB_CONVERSION" }));
    for (const wrong of [2 ** 31, 1.5, Number.NaN, 2n ** 40n, true]) {
      expect(() =>
        connection.append(
          ["t"],
          [
            [1, "1.00"],
            [wrong, "1.00"],
          ],
        ),
      ).toThrow(expect.objectContaining({ code: "KRB_DUCKDB_CONVERSION" }));
    }
    expect(() => connection.append(["t"], [[1]])).toThrow(/a row of 1 values for the 2 columns/);
    expect(await connection.values(sql`SELECT count(*) FROM t`)).toEqual([[0n]]);
  });
});

describe("statements", () => {
  test("give the number of changed rows, prepared or not", async () => {
    await connection.run(sql`CREATE TABLE t (n INTEGER)`);
    expect(await connection.run(sql`INSERT INTO t SELECT range FROM range(10)`)).toBe(10);
    expect(await connection.run(sql`DELETE FROM t WHERE n < ${3}`)).toBe(3);
    using insert = await connection.prepare(sql`INSERT INTO t VALUES ($1)`);
    expect(await insert.run([99])).toBe(1);
    using read = await connection.prepare(sql`SELECT max(n) FROM t WHERE n < $1`);
    expect(await read.values([50])).toEqual([[9]]);
    expect(await read.values([500])).toEqual([[99]]);
  });

  test("stream chunks in order, with names, types and readable memory", async () => {
    await using stream = await connection.stream(
      sql`SELECT range AS n, CASE WHEN range % 3 = 0 THEN NULL ELSE 'text number ' || range END AS t
          FROM range(${10_000})`,
    );
    expect(stream.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "n BIGINT",
      "t VARCHAR",
    ]);
    let next = 0;
    for await (const { rowCount, columns } of stream) {
      const [n, t] = columns;
      if (n === undefined || t === undefined) throw new Error("two columns were asked for");
      const numbers = new BigInt64Array(n.data.buffer, n.data.byteOffset, rowCount);
      for (let row = 0; row < rowCount; row++, next++) {
        expect(numbers[row]).toBe(BigInt(next));
        expect(t.isValid(row)).toBe(next % 3 !== 0);
        const expected = next % 3 === 0 ? null : `text number ${next}`;
        expect(t.valueAt(row)).toBe(expected);
        if (expected !== null) expect(Buffer.from(t.bytesAt(row)).toString()).toBe(expected);
      }
    }
    expect(next).toBe(10_000);
    expect(await connection.values(sql`SELECT 1`)).toEqual([[1]]);
  });

  test("that are left early free the connection", async () => {
    for await (const chunk of await connection.stream(sql`SELECT range FROM range(100000000)`)) {
      expect(chunk.rowCount).toBe(2048);
      break;
    }
    expect(await connection.values(sql`SELECT 2`)).toEqual([[2]]);
  });

  test.each([
    ["a conversion", sql`CASE WHEN range = 900000 THEN ('x' || range)::INTEGER ELSE 1 END`],
    ["an overflow", sql`range + CASE WHEN range = 900000 THEN 9223372036854775807 ELSE 0 END`],
    ["an error()", sql`CASE WHEN range = 900000 THEN error('boom') ELSE '' END`],
  ])("whose stream fails late by %s never look complete", async (_, expression) => {
    const statement = sql`SELECT ${expression} AS n FROM range(2000000)`;
    await using stream = await connection.stream(statement);
    let rowCount = 0;
    const reading = (async () => {
      for await (const chunk of stream) rowCount += chunk.rowCount;
    })();
    await expect(reading).rejects.toMatchObject({ code: "KRB_DUCKDB_STREAM_FAILED" });
    expect(rowCount).toBeGreaterThan(0);
    expect(await connection.values(sql`SELECT 4`)).toEqual([[4]]);
  });

  test("whose stream is interrupted never look complete", async () => {
    const abort = new AbortController();
    const statement = sql`SELECT range FROM range(1000000000000) WHERE range < 500000 OR range = 1e12`;
    await using stream = await connection.stream(statement, { signal: abort.signal });
    const reading = (async () => {
      for await (const _ of stream) setTimeout(() => abort.abort(), 50);
    })();
    await expect(reading).rejects.toMatchObject({ code: "KRB_DUCKDB_INTERRUPTED" });
  });

  test("never share a connection", async () => {
    const first = connection.run(sql`SELECT sum(range) FROM range(1000000)`);
    await expect(connection.run(sql`SELECT 1`)).rejects.toThrow(/running another statement/);
    await first;
    await expect(connection.run(sql`SELECT 1`)).resolves.toBe(0);
  });

  test("stop when their signal aborts, whether they had begun or not", async () => {
    const endless = sql`SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range < b.range`;
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    await expect(connection.run(endless, { signal: abort.signal })).rejects.toMatchObject({
      code: "KRB_DUCKDB_INTERRUPTED",
    });
    await expect(connection.run(endless, { signal: abort.signal })).rejects.toMatchObject({
      code: "KRB_DUCKDB_INTERRUPTED",
    });
    expect(await connection.values(sql`SELECT 3`)).toEqual([[3]]);
  });

  test("stop when the database closes under them", async () => {
    const running = connection.run(sql`SELECT count(*) FROM range(10000000) a, range(10000000) b`);
    const outcome = running.catch((error: unknown) => error);
    await database[Symbol.asyncDispose]();
    expect(await outcome).toMatchObject({ code: "KRB_DUCKDB_INTERRUPTED" });
    await expect(connection.run(sql`SELECT 1`)).rejects.toMatchObject({ code: "KRB_CORE_CLOSED" });
    await expect(database.connect()).rejects.toMatchObject({ code: "KRB_CORE_CLOSED" });
  });
});

describe("statements in the background", () => {
  test.each([1, 2, 4])("do and tell the same as others, with %i threads", async (threads) => {
    await using other = await openDatabase({
      memoryLimitBytes: 256 * 1024 * 1024,
      threads,
      temporaryDirectory: null,
      maxTemporaryBytes: 0,
      allowedDirectories: [directory],
    });
    const worker = await other.connect();
    const file = join(directory, `background-${threads}.parquet`);
    await worker.run(sql`CREATE TABLE t AS SELECT range AS n FROM range(500000)`);
    const copy = sql`COPY (SELECT n FROM t ORDER BY hash(n)) TO ${sql.literal(file)} (FORMAT parquet)`;
    expect(await worker.runInBackground(copy)).toBe(500_000);
    const found = await worker.values(
      sql`SELECT count(*), sum(n) FROM read_parquet(${sql.literal(file)})`,
    );
    expect(found).toEqual([[500_000n, 124_999_750_000n]]);
    expect(await worker.runInBackground(sql`DELETE FROM t WHERE n < 10`)).toBe(10);
    expect(await worker.values(sql`SELECT count(*) FROM t`)).toEqual([[499_990n]]);
  });

  test("fail with the code that others have, early or late, and leave the connection free", async () => {
    const failing = [
      [sql`SELECT * FROM nothing_there`, "KRB_DUCKDB_STATEMENT"],
      [
        sql`CREATE TABLE u AS SELECT CASE WHEN range = 900000 THEN ('x' || range)::INTEGER END FROM range(2000000)`,
        "KRB_DUCKDB_CONVERSION",
      ],
      [
        sql`CREATE TABLE u AS SELECT repeat(range::VARCHAR, 1000) FROM range(2000000)`,
        "KRB_DUCKDB_OUT_OF_MEMORY",
      ],
    ] as const;
    for (const [statement, code] of failing) {
      await expect(connection.runInBackground(statement)).rejects.toMatchObject({ code });
      expect(await connection.values(sql`SELECT 1`)).toEqual([[1]]);
    }
  });

  test("are part of a transaction", async () => {
    await connection.run(sql`CREATE TABLE t (n INTEGER)`);
    const failing = connection.transaction(async () => {
      await connection.runInBackground(sql`INSERT INTO t SELECT range FROM range(100000)`);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await connection.values(sql`SELECT count(*) FROM t`)).toEqual([[0n]]);
  });

  test("stop when their signal aborts, and when the database closes under them", async () => {
    const endless = sql`SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range < b.range`;
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    const { signal } = abort;
    const code = "KRB_DUCKDB_INTERRUPTED";
    await expect(connection.runInBackground(endless, { signal })).rejects.toMatchObject({ code });
    await expect(connection.runInBackground(endless, { signal })).rejects.toMatchObject({ code });
    expect(await connection.values(sql`SELECT 3`)).toEqual([[3]]);
    const running = connection.runInBackground(endless).catch((error: unknown) => error);
    await database[Symbol.asyncDispose]();
    expect(await running).toMatchObject({ code });
  });
});

describe("transactions", () => {
  test("commit what was done, or nothing of it", async () => {
    await connection.run(sql`CREATE TABLE t (n INTEGER)`);
    await connection.transaction(() => connection.run(sql`INSERT INTO t VALUES (1)`));
    const failing = connection.transaction(async () => {
      await connection.run(sql`INSERT INTO t VALUES (2)`);
      connection.append(["t"], [[3]]);
      await connection.run(sql`SELECT 'x'::INTEGER`);
    });
    await expect(failing).rejects.toMatchObject({ code: "KRB_DUCKDB_CONVERSION" });
    expect(await connection.values(sql`SELECT n FROM t`)).toEqual([[1]]);
  });

  test("marked read-only refuse to write", async () => {
    await connection.run(sql`CREATE TABLE t (n INTEGER)`);
    const writing = connection.transaction(() => connection.run(sql`INSERT INTO t VALUES (1)`), {
      readOnly: true,
    });
    await expect(writing).rejects.toThrow(/read-only/);
  });
});

describe("the outside", () => {
  test("is reachable in the allowed directories only", async () => {
    const inside = join(directory, "a.csv");
    await writeFile(inside, "n\n1\n");
    const read = (path: string) => sql`SELECT n FROM read_csv(${sql.literal(path)})`;
    expect(await connection.values(read(inside))).toEqual([[1n]]);
    for (const path of ["/etc/hostname", join(directory, "..", "x.csv"), `${directory}x/a.csv`]) {
      await expect(connection.values(read(path))).rejects.toMatchObject({
        code: "KRB_DUCKDB_PERMISSION",
      });
    }
  });

  test("cannot be opened again, and new connections are in UTC", async () => {
    for (const step of [
      sql`SET enable_external_access = true`,
      sql`SET memory_limit = '10GB'`,
      sql`SET GLOBAL TimeZone = 'Asia/Tokyo'`,
      sql`INSTALL httpfs`,
      sql`LOAD httpfs`,
      sql`ATTACH '/tmp/x.db'`,
    ]) {
      await expect(connection.run(step)).rejects.toMatchObject({
        code: expect.stringMatching(/^KRB_DUCKDB_(PERMISSION|CONVERSION|STATEMENT|IO)$/),
      });
    }
    await using other = await database.connect();
    expect(await other.values(sql`SELECT TIMESTAMPTZ '2026-01-01 00:00:00'::VARCHAR`)).toEqual([
      ["2026-01-01 00:00:00+00"],
    ]);
  });
});

describe("failures", () => {
  test.each([
    [sql`SELECT nope`, "KRB_DUCKDB_STATEMENT", "Binder"],
    [sql`SELEC 1`, "KRB_DUCKDB_STATEMENT", "Parser"],
    [sql`SELECT n FROM nope`, "KRB_DUCKDB_STATEMENT", "Catalog"],
    [sql`SELECT 'x'::INTEGER`, "KRB_DUCKDB_CONVERSION", "Conversion"],
    [sql`SELECT 1 -- ${sql.literal("\0")}`, "KRB_DUCKDB_STATEMENT", "Parser"],
  ])("of %o have a code and DuckDB's own message", async (statement, code, kind) => {
    await expect(connection.run(statement)).rejects.toMatchObject({ code, details: { kind } });
    await expect(connection.stream(statement)).rejects.toMatchObject({ code, details: { kind } });
  });

  test("of memory and constraints are told apart", async () => {
    await connection.run(sql`CREATE TABLE t (n INTEGER NOT NULL)`);
    await expect(connection.run(sql`INSERT INTO t VALUES (NULL)`)).rejects.toMatchObject({
      code: "KRB_DUCKDB_CONSTRAINT",
    });
    const big = sql`CREATE TABLE big AS SELECT hash(range) AS a, hash(range + 1) AS b FROM range(40000000)`;
    await expect(connection.run(big)).rejects.toMatchObject({ code: "KRB_DUCKDB_OUT_OF_MEMORY" });
    expect(await connection.values(sql`SELECT count(*) FROM t`)).toEqual([[0n]]);
  });
});
