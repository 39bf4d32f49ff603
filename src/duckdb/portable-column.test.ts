import { afterAll, beforeAll, expect, it } from "vitest";
import { sql } from "../core/sql.ts";
import { type Connection, type Database, openDatabase, portableReader } from "./duckdb.ts";

let database: Database;
let connection: Connection;

beforeAll(async () => {
  database = await openDatabase({
    memoryLimitBytes: 256 * 1024 * 1024,
    threads: 1,
    temporaryDirectory: null,
    maxTemporaryBytes: 0,
    allowedDirectories: [],
  });
  connection = await database.connect();
});
afterAll(() => database[Symbol.asyncDispose]());

/** Around every border that a reader knows, as DuckDB reads it out of text. */
const COLUMNS: Readonly<Record<string, readonly (string | null)[]>> = {
  BOOLEAN: ["true", "false", null],
  TINYINT: ["-128", "0", null, "127"],
  SMALLINT: ["-32768", null, "32767"],
  INTEGER: ["-2147483648", null, "0", "2147483647"],
  UTINYINT: ["0", null, "255"],
  USMALLINT: ["0", null, "65535"],
  UINTEGER: ["0", null, "4294967295"],
  UBIGINT: ["0", null, "18446744073709551615"],
  BIGINT: [
    ...["-9223372036854775808", "-9007199254740992", "-9007199254740991", "-4294967297", "-1"],
    ...[null, "0", "4294967295", "4294967296", "9007199254740991", "9007199254740993"],
    "9223372036854775807",
  ],
  HUGEINT: ["-170141183460469231731687303715884105728", "-1", null, "9007199254740993"],
  FLOAT: ["0.1", null, "NaN", "Infinity"],
  DOUBLE: ["-0.0", "0.1", null, "1e300", "NaN", "Infinity", "-Infinity"],
  "DECIMAL(4,1)": ["-999.9", "-0.1", null, "0", "0.1", "999.9"],
  "DECIMAL(9,0)": ["-999999999", null, "999999999"],
  "DECIMAL(9,9)": ["-0.999999999", null, "0.000000001"],
  "DECIMAL(18,3)": ["-999999999999999.999", "-0.001", null, "0.5"],
  "DECIMAL(38,10)": ["-9999999999999999999999999999.9999999999", null, "0.0000000001"],
  DATE: ["0001-01-01", "1969-12-31", null, "9999-12-31", "10000-01-01", "infinity", "-infinity"],
  TIMESTAMP: [
    ...["0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000001", null],
    ...["2026-02-03 04:05:06.070809", "2026-02-03 04:05:06.999999", "2255-06-05 23:47:34.740993"],
    ...["9999-12-31 23:59:59.999999", "10000-01-01 00:00:00", "infinity", "-infinity"],
  ],
  "TIMESTAMP WITH TIME ZONE": ["2026-02-03 04:05:06+09", null],
  VARCHAR: [
    ...["", "a", "twelve bytes", "thirteen byte", null, "日本語", "日本語で長い文章です", "é😀"],
    "x".repeat(5000),
  ],
  BLOB: [String.raw`\x00\xFF`, null],
  UUID: ["00000000-0000-0000-0000-000000000001", null],
  "INTEGER[]": ["[1, NULL]", null],
};

it.each(Object.entries(COLUMNS))("reads %s as one value is read", async (type, values) => {
  const list = sql.join(values.map((value) => sql.literal(value)));
  const text = `SELECT CAST(unnest([${list.text}]::VARCHAR[]) AS ${type}) AS v`;
  await using rows = await connection.stream({ text, values: [] });
  let count = 0;
  for await (const { columns, rowCount } of rows) {
    const [column] = columns;
    if (column === undefined) throw new Error("one column was asked for");
    const read = portableReader(column);
    for (let row = 0; row < rowCount; row++) expect(read(row)).toEqual(column.portableAt(row));
    // Backwards too: what is remembered from one row to the next is told apart.
    for (let row = rowCount - 1; row >= 0; row--) expect(read(row)).toEqual(column.portableAt(row));
    count += rowCount;
  }
  expect(count).toBe(values.length);
});
