import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../test/simulation/random.ts";
import { type Decoding, openDecoding } from "../../test/support/decoding.ts";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { sql, Sql } from "../core/sql.ts";
import { type Database } from "../duckdb/duckdb.ts";
import { type BodyFormat } from "../log/entry.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import { type Decoded } from "./batch.ts";
import { type Decoder } from "./decoder.ts";

const NOW_US = 1_760_000_000_000_000n;

let decoding: Decoding;
let database: Database;
let decoder: Decoder;

beforeAll(async () => {
  decoding = await openDecoding({ maxLineBytes: 100_000 });
  ({ database, decoder } = decoding);
});
afterAll(() => decoding[Symbol.asyncDispose]());

const everything = datasetPlan("everything", [
  columnPlan("at", "timestamp"),
  columnPlan("flag", "boolean", { nullable: true }),
  columnPlan("small", "int32", { nullable: true }),
  columnPlan("big", "int64", { nullable: true }),
  columnPlan("real", "float64", { nullable: true }),
  columnPlan("price", { kind: "decimal", precision: 18, scale: 3 }, { nullable: true }),
  columnPlan("name", "text", { nullable: true }),
  columnPlan("seen", "timestamp", { nullable: true }),
  columnPlan("day", "date", { nullable: true }),
  columnPlan("meta", "json", { nullable: true }),
]);

interface Answer {
  readonly rows: readonly (readonly unknown[])[];
  readonly decoded: readonly Decoded[];
}

async function decode(
  dataset: DatasetPlan,
  bodies: readonly (string | Uint8Array)[],
  format: BodyFormat = "ndjson",
  onInvalid: "dead_letter" | "reject" = "dead_letter",
): Promise<Answer> {
  const batches = bodies.map((body, index) => ({
    position: index + 1,
    header: {
      kind: "batch" as const,
      dataset: dataset.name,
      format,
      onInvalid,
      receivedAtUs: NOW_US,
      producer: "",
      idempotencyKey: "",
    },
    body: typeof body === "string" ? Buffer.from(body) : body,
  }));
  await using staged = await decoder.stage(dataset, batches);
  await using connection = await database.connect();
  const names = sql.join(dataset.columns.map((column) => sql.id(column.name)));
  let table = sql.id("stored");
  if (staged.content.kind === "table") table = staged.content.table;
  else {
    const types = dataset.columns.map(
      ({ name, type }) => sql`${sql.id(name)} ${sql.keyword(columnTypeToDuckdb(type))}`,
    );
    await connection.run(sql`CREATE OR REPLACE TABLE ${table} (${sql.join(types)})`);
    const { columns, rows } = staged.content.columns;
    connection.appendColumns(["stored"], columns, [{ start: 0, end: rows }]);
  }
  const rows = await connection.values(sql`SELECT ${names} FROM ${table} ORDER BY rowid`);
  expect(rows.length).toBe(staged.rows);
  return { rows, decoded: staged.decoded };
}

/** The value that one column gets, or why the row is refused. */
async function valueOf(column: string, json: string): Promise<unknown> {
  const { rows, decoded } = await decode(everything, [
    `{"at":"2026-01-01T00:00:00Z","${column}":${json}}\n`,
  ]);
  const [one] = decoded;
  if (one?.rejects[0] !== undefined) return `refused: ${one.rejects[0].reason}`;
  return rows[0]?.[everything.columns.findIndex(({ name }) => name === column)];
}

const refused = (text: string): unknown => expect.stringContaining(`refused: ${text}`);

describe("a JSON value in a typed column", () => {
  const cases: readonly (readonly [column: string, json: string, expected: unknown])[] = [
    ["flag", "true", true],
    ["flag", "1", refused("flag: expected true or false")],
    ["flag", '"true"', refused("flag: expected true or false")],
    ["small", "2147483647", 2_147_483_647],
    ["small", "2147483648", refused("small: number 2147483648 is beyond int32")],
    ["small", "1e3", 1000],
    ["big", "9223372036854775807", 9_223_372_036_854_775_807n],
    ["big", "-9223372036854775808", -9_223_372_036_854_775_808n],
    ["big", "9223372036854775808", refused("big: number 9223372036854775808 is beyond int64")],
    ["big", "123456789012345678901234567890", refused("big: ")],
    ["big", "1.5", refused("big: expected int64, found number 1.5")],
    ["big", "1.0", 1n],
    ["big", "-0", 0n],
    ["big", "true", refused("big: expected int64, found true")],
    ["big", '"9007199254740993"', 9_007_199_254_740_993n],
    ["big", '"twelve"', refused('big: expected int64, found text "twelve"')],
    ["small", '"12"', refused('small: expected int32, found text "12"')],
    ["price", '"0.1"', "0.100"],
    ["big", "[1]", refused("big: expected int64, found an array")],
    ["big", "null", null],
    ["real", "0.1", 0.1],
    ["real", "1e-7", 1e-7],
    ["real", "123456789012345678901234567890", 1.2345678901234568e29],
    ["real", "1e400", refused("real: number 1e400 is beyond float64")],
    ["real", "NaN", refused("malformed JSON")],
    ["real", "Infinity", refused("malformed JSON")],
    ["real", '"NaN"', refused("real: expected float64")],
    ["price", "12345678901234.565", "12345678901234.565"],
    ["price", "1.0005", "1.001"],
    ["price", "-1.0005", "-1.001"],
    ["price", "0.1", "0.100"],
    ["price", "1e3", "1000.000"],
    [
      "price",
      "1234567890123456",
      refused("price: number 1234567890123456 is beyond decimal(18, 3)"),
    ],
    ["name", '"héllo 🎉"', "héllo 🎉"],
    ["name", '"a\\u0000b"', "a\u0000b"],
    ["name", '"lone \\ud800"', "lone \ufffd"],
    ["name", '"tab\\tquote\\" back\\\\"', 'tab\tquote" back\\'],
    ["name", '""', ""],
    ["name", "1", refused("name: expected text, found number 1")],
    ["name", '{"x":1}', refused("name: expected text, found an object")],
    ["seen", '"2026-01-01T09:00:00+09:00"', 1_767_225_600_000_000n],
    ["seen", '"2026-01-01T00:00:00.123456Z"', 1_767_225_600_123_456n],
    ["seen", '"2026-01-01T00:00:00.1234569Z"', 1_767_225_600_123_456n],
    ["seen", '"2026-01-01T00:00:00"', refused("seen: timestamp 2026-01-01T00:00:00 has no zone")],
    ["seen", '"2026-02-30T00:00:00Z"', refused("seen: 2026-02-30T00:00:00Z is no day")],
    ["seen", '"2026-01-01T24:00:00Z"', refused("seen: 2026-01-01T24:00:00Z is no time of day")],
    ["seen", '"2026-01-01T23:59:60Z"', refused("seen: ")],
    ["seen", '"0000-01-01T00:00:00Z"', refused("seen: ")],
    ["seen", '"10000-01-01T00:00:00Z"', refused("seen: ")],
    ["seen", '"0001-01-01T00:00:00+01:00"', refused("seen: ")],
    ["seen", '"0001-01-01T00:00:00Z"', -62_135_596_800_000_000n],
    ["seen", '"infinity"', refused("seen: expected a timestamp")],
    ["seen", "1700000000", refused("seen: number 1700000000 needs a unit")],
    ["day", '"2024-02-29"', 19_782],
    ["day", '"2023-02-29"', refused("day: 2023-02-29 is no day")],
    ["day", '"infinity"', refused("day: expected a date")],
    ["meta", '{"a": [1, {"b": null}]}', '{"a":[1,{"b":null}]}'],
    ["meta", '"text"', '"text"'],
    ["meta", "3", "3"],
    ["meta", `${"[".repeat(60)}${"]".repeat(60)}`, `${"[".repeat(60)}${"]".repeat(60)}`],
    ["meta", `${"[".repeat(200)}${"]".repeat(200)}`, refused("nested deeper than 64 levels")],
    ["meta", '{"a":tru}', refused("malformed JSON")],
  ];
  test.each(cases)("%s %s", async (column, json, expected) => {
    expect(await valueOf(column, json)).toEqual(expected);
  });
});

const pair = datasetPlan("pair", [columnPlan("at", "timestamp"), columnPlan("n", "int64")]);
const row = (n: number | string): string => `{"at":"2026-01-01T00:00:00Z","n":${n}}`;

describe("an NDJSON body", () => {
  const numbers = async (body: string | Uint8Array): Promise<unknown> => {
    const { rows, decoded } = await decode(pair, [body]);
    return {
      rows: rows.map((one) => Number(one[1])),
      rejects: decoded.flatMap((one) =>
        one.rejects.map(({ line, reason }) => `${line}: ${reason}`),
      ),
    };
  };

  test("keeps the good rows around a bad one, and says where it is", async () => {
    expect(await numbers(`${row(1)}\n{"at":"2026-01-01T00:00:00Z",,}\n${row(3)}\n`)).toEqual({
      rows: [1, 3],
      rejects: ["2: malformed JSON"],
    });
  });

  test("may be empty, lack its last line break, use CRLF, blank lines and a byte order mark", async () => {
    expect(await numbers("")).toEqual({ rows: [], rejects: [] });
    expect(await numbers("\n \r\n")).toEqual({ rows: [], rejects: [] });
    expect(await numbers(`\ufeff${row(1)}\r\n\n${row(2)}`)).toEqual({ rows: [1, 2], rejects: [] });
  });

  test("ends with a row that was cut short", async () => {
    expect(await numbers(`${row(1)}\n{"at":"2026-`)).toEqual({
      rows: [1],
      rejects: [expect.stringContaining("2: malformed JSON")],
    });
  });

  test("says what is wrong with keys", async () => {
    const at = '"at":"2026-01-01T00:00:00Z"';
    const body = [
      `{${at},"n":1,"n":2}`,
      `{${at},"m":1,"n":2}`,
      `{${at}}`,
      `{"n":1}`,
      `{${at},"N":1}`,
      `{${at},"n":1,"__proto__":{}}`,
      "[1]",
      "null",
      `${row(1)}${row(2)}`,
    ].join("\n");
    const { rejects } = (await numbers(body)) as { rejects: readonly string[] };
    expect(rejects).toEqual([
      "1: column n comes twice",
      '2: unknown column "m" (known: at, n)',
      "3: column n is missing or null",
      "4: column at is missing or null",
      '5: unknown column "N" (known: at, n)',
      '6: unknown column "__proto__" (known: at, n)',
      "7: expected a JSON object",
      "8: expected a JSON object",
      "9: malformed JSON",
    ]);
  });

  test("takes keys in any order, also written with escapes", async () => {
    expect(await numbers(`{"\\u006e":7 , "at" : "2026-01-01 00:00:00Z"}`)).toEqual({
      rows: [7],
      rejects: [],
    });
  });

  test("names the line that is not UTF-8", async () => {
    const bad = Buffer.concat([
      Buffer.from(`${row(1)}\n{"at":"`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}\n'),
    ]);
    expect(await numbers(bad)).toEqual({ rows: [1], rejects: ["2: not UTF-8"] });
  });

  test("refuses a line that is too long, not the body", async () => {
    const long = `{"at":"2026-01-01T00:00:00Z","n":${" ".repeat(200_000)}1}`;
    expect(await numbers(`${long}\n${row(2)}\n`)).toEqual({
      rows: [2],
      rejects: ["1: line of 200035 bytes is longer than 100000"],
    });
  });

  test("survives a bracket bomb", async () => {
    const bomb = `${"[".repeat(40_000)}\n${row(1)}\n`;
    expect(await numbers(bomb)).toEqual({
      rows: [1],
      rejects: ["1: nested deeper than 64 levels"],
    });
  });

  test("survives thousands of unknown columns", async () => {
    const keys = Array.from({ length: 5000 }, (_, index) => `"c${index}":1`).join(",");
    const { rejects } = (await numbers(`{${keys}}\n`)) as { rejects: readonly string[] };
    expect(rejects).toEqual([expect.stringContaining('1: unknown column "c0"')]);
  });

  test("refuses rows of the far future", async () => {
    const near = { ...pair, watermark: { ...pair.watermark, maxFutureSkewUs: 1_000_000 } };
    const { rows, decoded } = await decode(near, ['{"at":"2099-01-01T00:00:00Z","n":1}\n']);
    expect(rows).toEqual([]);
    expect(decoded[0]?.rejects[0]?.reason).toContain("further in the future than maxFutureSkew");
  });

  test("gives the same rows however they are spread over bodies", async () => {
    const lines = [row(1), "oops", row(2), row("3.0"), row(4)];
    const one = await decode(pair, [lines.join("\n")]);
    const many = await decode(pair, lines);
    expect(many.rows).toEqual(one.rows);
    expect(many.decoded.map((each) => (each.kind === "rows" ? each.accepted : -1))).toEqual([
      1, 0, 1, 1, 1,
    ]);
  });

  test("is refused as a whole on request", async () => {
    const { rows, decoded } = await decode(pair, [`${row(1)}\noops\n`], "ndjson", "reject");
    expect(rows).toEqual([]);
    expect(decoded[0]).toMatchObject({
      kind: "refused",
      received: 2,
      reason: "1 of 2 rows are invalid",
    });
  });

  test("falls back to the exact lane when DuckDB finds what the scanner cannot", async () => {
    const body =
      '{"at":"2026-01-01T00:00:00Z","meta":{"a":[1 2]}}\n{"at":"2026-01-01T00:00:01Z","meta":[]}\n';
    const { rows, decoded } = await decode(everything, [body]);
    expect(rows.length).toBe(1);
    expect(decoded[0]?.rejects).toMatchObject([{ line: 1, reason: "malformed JSON" }]);
  });
});

describe("a JSON document", () => {
  test("is one object, or an array of them, over any number of lines", async () => {
    const one = await decode(pair, [`{\n"at": "2026-01-01T00:00:00Z",\n"n": 1}\n`], "json");
    expect(one.rows.length).toBe(1);
    const many = await decode(pair, [`[\n${row(1)},\n ${row(2)}\n]`], "json");
    expect(many.rows.map((each) => Number(each[1]))).toEqual([1, 2]);
    const none = await decode(pair, ["[]"], "json");
    expect(none.rows).toEqual([]);
  });

  test.each(["", "1", '"x"', "[", `[${row(1)}`, `[${row(1)}] x`, "nope"])(
    "is refused: %j",
    async (body) => {
      const { rows, decoded } = await decode(pair, [body], "json");
      expect(rows).toEqual([]);
      expect(decoded[0]?.kind).toBe("refused");
    },
  );

  test("does not hide a line break inside of a string", async () => {
    const { decoded } = await decode(
      everything,
      ['[{"at":"2026-01-01T00:00:00Z","name":"a\nb"}]'],
      "json",
    );
    expect(decoded[0]?.rejects).toMatchObject([{ line: 1, reason: "malformed JSON" }]);
  });
});

describe("a CSV body", () => {
  const names = async (body: string): Promise<unknown> => {
    const text = datasetPlan("text", [
      columnPlan("at", "timestamp"),
      columnPlan("name", "text", { nullable: true }),
      columnPlan("n", "int64", { default: "7" }),
    ]);
    const { rows, decoded } = await decode(text, [body], "csv");
    const [one] = decoded;
    if (one?.kind === "refused") return one.reason;
    return {
      rows: rows.map(([, name, n]) => [name, Number(n)]),
      rejects: decoded.flatMap((each) =>
        each.rejects.map(({ line, reason }) => `${line}: ${reason}`),
      ),
    };
  };
  const at = "2026-01-01T00:00:00Z";

  test("has a header, in any order; empty is null, quoted empty is text", async () => {
    expect(await names(`name,at\na,${at}\n,${at}\n"",${at}\n"b, ""c""",${at}`)).toEqual({
      rows: [
        ["a", 7],
        [null, 7],
        ["", 7],
        ['b, "c"', 7],
      ],
      rejects: [],
    });
  });

  test("may hold line breaks inside of quotes, and count lines all the same", async () => {
    expect(await names(`at,name,n\n${at},"x\ny",1\n${at},"p\r\nq",2\n${at},z,oops\n`)).toEqual({
      rows: [
        ["x\ny", 1],
        ["p\r\nq", 2],
      ],
      rejects: ['6: n: expected int64, found text "oops"'],
    });
  });

  test("takes CRLF next to mended lines", async () => {
    expect(await names(`at,name,n\r\n${at},a,+1\r\n${at},b,2\r\n`)).toEqual({
      rows: [
        ["a", 1],
        ["b", 2],
      ],
      rejects: [],
    });
  });

  test("refuses ragged rows one by one", async () => {
    expect(await names(`at,name,n\n${at},a\n${at},b,2,3\n${at},c,3\n`)).toEqual({
      rows: [["c", 3]],
      rejects: ["2: expected 3 fields, found 2", "3: expected 3 fields, found 4"],
    });
  });

  test.each([
    ["", "unknown column"],
    [`at,nope\n${at},1\n`, "unknown column"],
    [`at,at\n${at},${at}\n`, "names column at twice"],
    ["name\nx\n", "lacks the required column at"],
  ])("is refused for its header: %j", async (body, reason) => {
    expect(await names(body)).toContain(reason);
  });

  test("ends an unterminated quote at the end of the body", async () => {
    const answer = (await names(`at,name,n\n${at},a,1\n${at},"b,2\n${at},c,3\n`)) as {
      rows: unknown[];
    };
    expect(answer.rows).toEqual([["a", 1]]);
  });
});

describe("a Parquet body", () => {
  const parquet = async (select: string): Promise<Buffer> => {
    await using connection = await database.connect();
    const path = join(decoding.directory, "staging", "body.parquet");
    await connection.run(new Sql(`COPY (${select}) TO '${path}' (FORMAT parquet)`, []));
    return Buffer.from(await nodeDisk.readFile(path));
  };

  test("keeps good rows and refuses the others one by one", async () => {
    const body = await parquet(
      `SELECT * FROM (VALUES (TIMESTAMPTZ '2026-01-01 00:00:00Z', 1.5::DOUBLE), (NULL, 2), (TIMESTAMPTZ '2026-01-01 00:00:00Z', 'NaN'::DOUBLE)) AS t("at", "real")`,
    );
    const { rows, decoded } = await decode(everything, [body], "parquet");
    expect(rows.length).toBe(1);
    expect(decoded[0]?.rejects.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      "2: column at is missing or null",
      "3: real: NaN and infinity are no float64 here",
    ]);
  });

  test("is refused for its columns", async () => {
    const reasonOf = async (select: string): Promise<string> => {
      const { decoded } = await decode(pair, [await parquet(select)], "parquet");
      return decoded[0]?.kind === "refused" ? decoded[0].reason : "accepted";
    };
    expect(await reasonOf(`SELECT TIMESTAMP '2026-01-01' AS at, 1 AS n`)).toContain(
      "it has no zone",
    );
    expect(await reasonOf(`SELECT now() AS at, 1.5::DOUBLE AS n`)).toContain("does not fit int64");
    expect(await reasonOf(`SELECT now() AS at, 1 AS n, 2 AS more`)).toContain(
      'unknown column "more"',
    );
    expect(await reasonOf(`SELECT now() AS at`)).toContain("lacks the required column n");
  });

  test("is refused when it is cut short, and when it is none", async () => {
    const whole = await parquet(`SELECT now() AS at, range AS n FROM range(1000)`);
    for (const body of [
      whole.subarray(0, whole.length - 20),
      Buffer.from("PAR1 nope PAR1"),
      Buffer.alloc(0),
    ]) {
      const { decoded } = await decode(pair, [body], "parquet");
      expect(decoded[0]).toMatchObject({
        kind: "refused",
        reason: expect.stringContaining("not a readable Parquet file"),
      });
    }
  });

  test("stops nothing, whichever of its bytes is wrong", async () => {
    const random = seededRandom(7);
    const select = `SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + INTERVAL (range) SECOND AS at,
      'n' || range AS name, {'a': [range]} AS meta FROM range(200)`;
    const whole = await parquet(select);
    const footerBytes = whole.readUInt32LE(whole.length - 8);
    const outcomes = new Set<string>();
    for (let round = 0; round < 300; round++) {
      const body = Buffer.from(whole);
      const at = random.chance(0.7)
        ? whole.length - 8 - random.below(footerBytes)
        : random.below(whole.length);
      body[at] = random.below(256);
      const { decoded } = await decode(everything, [body], "parquet");
      const [one] = decoded;
      outcomes.add(one?.kind ?? "nothing");
      if (one?.kind === "refused") expect(one.reason).not.toContain(decoding.directory);
    }
    expect(outcomes).toEqual(new Set(["rows", "refused"]));
    const { decoded } = await decode(everything, [whole], "parquet");
    expect(decoded[0]).toMatchObject({ kind: "rows", accepted: 200 });
  });
});
