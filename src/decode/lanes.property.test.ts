import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Decoding, openDecoding } from "../../test/support/decoding.ts";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import { sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type BodyFormat } from "../log/entry.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";

/**
 * A line that is not UTF-8 sends its whole body through the exact lane: the same lines with and
 * without it must give the same rows, whatever the byte scanner took for plain.
 */
const NO_UTF8 = Buffer.from([0xff, 0x0a]);

const dataset = datasetPlan("everything", [
  columnPlan("at", "timestamp"),
  columnPlan("flag", "boolean", { nullable: true }),
  columnPlan("small", "int32", { nullable: true }),
  columnPlan("big", "int64", { nullable: true }),
  columnPlan("real", "float64", { nullable: true }),
  columnPlan("tiny", { kind: "decimal", precision: 4, scale: 1 }, { nullable: true }),
  columnPlan("price", { kind: "decimal", precision: 18, scale: 3 }, { nullable: true }),
  columnPlan("wide", { kind: "decimal", precision: 38, scale: 10 }, { nullable: true }),
  columnPlan("name", "text", { nullable: true }),
  columnPlan("day", "date", { nullable: true }),
  columnPlan("meta", "json", { nullable: true }),
  columnPlan("given", "int64", { default: -7 }),
]);

let decoding: Decoding;
let connection: Connection;

beforeAll(async () => {
  decoding = await openDecoding();
  connection = await decoding.database.connect();
  const types = dataset.columns.map(
    ({ name, type }) => sql`${sql.id(name)} ${sql.keyword(columnTypeToDuckdb(type))}`,
  );
  await connection.run(sql`CREATE TABLE stored (${sql.join(types)})`);
});
afterAll(() => decoding[Symbol.asyncDispose]());

interface Decoded {
  readonly rows: readonly (readonly unknown[])[];
  readonly rejects: readonly string[];
  readonly times: unknown;
}

async function decode(body: Buffer, format: BodyFormat): Promise<Decoded> {
  const header = {
    kind: "batch" as const,
    dataset: dataset.name,
    format,
    onInvalid: "dead_letter" as const,
    receivedAtUs: 4_000_000_000_000_000n,
    producer: "",
    idempotencyKey: "",
  };
  await using staged = await decoding.decoder.stage(dataset, [{ position: 1, header, body }]);
  const [one] = staged.decoded;
  if (one?.kind !== "rows" || staged.content.kind !== "columns") throw new Error("refused");
  await connection.run(sql`DELETE FROM stored`);
  const { columns, rows } = staged.content.columns;
  connection.appendColumns(["stored"], columns, [{ start: 0, end: rows }]);
  const names = sql.join(dataset.columns.map((column) => sql.id(column.name)));
  const { min, max } = staged.eventTimeUs ?? { min: null, max: null };
  return {
    rows: await connection.values(sql`SELECT ${names} FROM stored ORDER BY rowid`),
    rejects: one.rejects.map(({ line, reason }) => `${line}: ${reason}`),
    times: [min, max],
  };
}

const digits = (max: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
const integer = fc
  .tuple(fc.constantFrom("", "-", "+"), digits(20))
  .map(([sign, text]) => sign + text);
const number = fc.oneof(
  integer,
  fc.tuple(integer, digits(24)).map(([whole, fraction]) => `${whole}.${fraction}`),
  fc.tuple(integer, fc.integer({ min: -30, max: 30 })).map(([whole, e]) => `${whole}e${e}`),
  fc.double().map((value) => (Number.isFinite(value) ? String(value) : "0")),
  fc.maxSafeInteger().map(String),
  fc.constantFrom(
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1.",
    ".5",
    "007",
    "2147483648",
    "999.95",
    "9007199254740993",
  ),
);
const time = fc
  .tuple(
    fc.oneof(
      fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
      fc.date({ min: new Date("2024-02-28"), max: new Date("2024-03-01"), noInvalidDate: true }),
    ),
    fc.stringMatching(/^[0-9]{0,8}$/),
    fc.constantFrom("Z", "+00:00", "-05:30", "", " Z"),
    fc.constantFrom("T", " "),
  )
  .map(([date, fraction, zone, separator]) => {
    const text = date.toISOString().slice(0, 19).replace("T", separator);
    return `${text}${fraction === "" ? "" : `.${fraction}`}${zone}`;
  });
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    "",
    "exactly 12 b",
    "thirteen byte",
    'a"b',
    "a,b",
    "a\nb",
    "ü".repeat(7),
    "\ud800",
  ),
);

/** JSON text of a value of some column; not always of a right one. */
const jsonValue = fc.oneof(
  { arbitrary: number, weight: 6 },
  { arbitrary: time.map((value) => JSON.stringify(value)), weight: 3 },
  { arbitrary: text.map((value) => JSON.stringify(value)), weight: 4 },
  {
    arbitrary: fc.constantFrom("true", "false", "null", "nul", '"2024-02-30"', '"2024-02-29"'),
    weight: 3,
  },
  { arbitrary: fc.json({ maxDepth: 3 }), weight: 2 },
  {
    arbitrary: fc.constantFrom(
      '{ "a" : [ 1 , "b c" ] }',
      '"\\/"',
      '"\\ud83d\\ude00"',
      '{"x":"\\ud800"}',
    ),
    weight: 1,
  },
);
const soundTime = fc
  .tuple(
    fc.date({ min: new Date("1600-01-01"), max: new Date("2090-12-31"), noInvalidDate: true }),
    fc.stringMatching(/^[0-9]{1,6}$/),
    fc.boolean(),
  )
  .map(([date, fraction, hasFraction]) => {
    const seconds = date.toISOString().slice(0, 19);
    return `${seconds}${hasFraction ? `.${fraction}` : ""}Z`;
  });
const within = (bits: number): fc.Arbitrary<string> =>
  fc.bigInt({ min: -(2n ** BigInt(bits)), max: 2n ** BigInt(bits) - 1n }).map(String);
const scaled = (whole: number, fraction: number): fc.Arbitrary<string> =>
  fc
    .tuple(within(whole), fc.stringMatching(new RegExp(`^[0-9]{1,${fraction}}$`)))
    .map(([units, rest]) => `${units}.${rest}`);

/** Texts that the column takes, mostly. */
const FITTING: Readonly<Record<string, fc.Arbitrary<string>>> = {
  at: soundTime.map((value) => JSON.stringify(value)),
  flag: fc.constantFrom("true", "false"),
  small: within(31),
  big: fc.oneof(within(63), within(55), within(20)),
  real: fc.oneof(scaled(50, 20), fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)),
  tiny: scaled(6, 2),
  price: fc.oneof(scaled(30, 3), scaled(45, 5)),
  wide: scaled(80, 12),
  name: text.map((value) => JSON.stringify(value)),
  day: soundTime.map((value) => JSON.stringify(value.slice(0, 10))),
  meta: fc.json({ maxDepth: 3 }),
  given: within(40),
};

function jsonLine(): fc.Arbitrary<string> {
  const members = dataset.columns.map(({ name }) =>
    fc
      .tuple(
        fc.oneof(
          { arbitrary: FITTING[name] ?? number, weight: 60 },
          { arbitrary: jsonValue, weight: 1 },
        ),
        fc.integer({ min: 0, max: name === "at" ? 40 : 3 }),
        fc.constantFrom(":", ":", ":", " : "),
      )
      .map(([value, leave, colon]) => (leave === 0 ? null : `"${name}"${colon}${value}`)),
  );
  return fc
    .tuple(fc.tuple(...members), fc.constantFrom("\n", "\n", "\r\n", "\n\n"), fc.nat())
    .map(([all, end, turn]) => {
      const given = all.filter((member) => member !== null);
      const first = turn % (given.length + 1);
      return `{${[...given.slice(first), ...given.slice(0, first)].join(",")}}${end}`;
    });
}

function unquoted(json: string): string {
  return json.replaceAll('"', "");
}

const csvField = fc.oneof(
  number,
  time,
  text.map((value) => `"${value.replaceAll('"', '""')}"`),
  fc.constantFrom("", "true", "false", '""', "2024-02-29"),
);

const RUNS = Number(process.env["KUROBE_RUNS"] ?? 60);

test("both lanes read the same rows out of the same NDJSON", async () => {
  let rows = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(jsonLine(), { minLength: 1, maxLength: 30 }), async (lines) => {
      const body = Buffer.from(lines.join(""));
      const plain = await decode(body, "ndjson");
      const exact = await decode(Buffer.concat([body, NO_UTF8]), "ndjson");
      expect(exact.rejects.at(-1)).toMatch(/not UTF-8/);
      expect({ ...exact, rejects: exact.rejects.slice(0, -1) }).toEqual(plain);
      rows += plain.rows.length;
    }),
    { numRuns: RUNS },
  );
  // A test whose rows are all refused would prove nothing.
  expect(rows).toBeGreaterThan(RUNS);
});

test("both lanes read the same rows out of the same CSV", async () => {
  let rows = 0;
  const fitting = dataset.columns.map(({ name }) =>
    name === "at"
      ? fc.oneof({ arbitrary: soundTime, weight: 20 }, { arbitrary: time, weight: 1 })
      : name === "meta"
        ? fc.constantFrom("", '"{""a"": 1}"', "3")
        : name === "name"
          ? text.map((value) => `"${value.replaceAll('"', '""')}"`)
          : fc.oneof(
              { arbitrary: fc.constant(""), weight: 10 },
              { arbitrary: (FITTING[name] ?? number).map(unquoted), weight: 20 },
              { arbitrary: csvField, weight: 1 },
            ),
  );
  const header = dataset.columns.map((column) => column.name).join(",");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(...fitting), { minLength: 1, maxLength: 20 }),
      async (all) => {
        const lines = all.map((fields) => fields.join(","));
        const body = Buffer.from(`${header}\n${lines.join("\n")}\n`);
        const plain = await decode(body, "csv");
        const exact = await decode(Buffer.concat([body, NO_UTF8]), "csv");
        expect({ ...exact, rejects: exact.rejects.slice(0, -1) }).toEqual(plain);
        rows += plain.rows.length;
      },
    ),
    { numRuns: RUNS },
  );
  expect(rows).toBeGreaterThan(RUNS);
});
