/** What SQL gives in a format, ingest takes again, and every value comes back as it was. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openServed, type Served } from "../../../test/support/served-platform.ts";
import { column, dataset, defineProject } from "../../index.ts";
import { ROW_CONTENT_TYPES, type RowFormat } from "../media-type.ts";

const FORMATS: readonly RowFormat[] = ["ndjson", "json", "csv", "parquet"];

const columns = {
  at: column.timestamp(),
  flag: column.boolean().nullable(),
  small: column.int32().nullable(),
  large: column.int64().nullable(),
  ratio: column.float64().nullable(),
  amount: column.decimal(38, 10).nullable(),
  word: column.text().nullable(),
  day: column.date().nullable(),
  seen: column.timestamp().nullable(),
  extra: column.json().nullable(),
};

const kinds = { columns, eventTime: "at" } as const;

const ROWS = [
  { at: "2026-01-02T03:04:05.678901Z" },
  {
    at: "1969-12-31T23:59:59.999999Z",
    flag: true,
    small: -2_147_483_648,
    large: "-9223372036854775808",
    ratio: 5e-324,
    amount: "-9999999999999999999999999999.9999999999",
    word: 'a,"b"\r\n\tc\\ é 😀',
    day: "0001-01-01",
    seen: "0001-01-01T00:00:00Z",
    extra: { a: [1, null, 'x,"y"'], b: { c: 1.5 } },
  },
  {
    at: "2026-01-02T03:04:05Z",
    flag: false,
    small: 2_147_483_647,
    large: "9223372036854775807",
    ratio: -1.7976931348623157e308,
    amount: "0.0000000001",
    word: "",
    day: "9999-12-31",
    seen: "9999-12-31T23:59:59.999999Z",
    extra: "text",
  },
  { at: "2026-01-02T03:04:06Z", word: "null", ratio: 0.1, extra: [] },
];

let served: Served;

beforeAll(async () => {
  const copies = Object.fromEntries(FORMATS.map((format) => [format, dataset(kinds)]));
  served = await openServed(
    defineProject({ name: "round", datasets: { source: dataset(kinds), ...copies } }),
  );
  const body = ROWS.map((row) => JSON.stringify(row)).join("\n");
  await served.post("/v1/datasets/source/rows", body);
});

afterAll(() => served[Symbol.asyncDispose]());

async function ask(sql: string, accept: string): Promise<Response> {
  return served.fetch("/v1/sql", {
    method: "POST",
    headers: { "content-type": "text/plain", accept },
    body: sql,
  });
}

test("all rows are there", async () => {
  const counted = await ask("SELECT count(*) AS n FROM source", "application/x-ndjson");
  expect(await counted.json()).toEqual({ n: ROWS.length });
});

test.each(FORMATS)("%s", async (format) => {
  const type = ROW_CONTENT_TYPES[format];
  const out = await ask("SELECT * FROM source", type);
  const bytes = Buffer.from(await out.arrayBuffer());
  const body = format === "json" ? asObjects(bytes.toString()) : bytes;
  const back = await served.post(`/v1/datasets/${format}/rows`, body, { "content-type": type });
  expect(await back.json()).toMatchObject({ accepted: ROWS.length, rejected: 0, errors: [] });
  const differences = await ask(
    `(SELECT * FROM source EXCEPT ALL SELECT * FROM ${format})
      UNION ALL (SELECT * FROM ${format} EXCEPT ALL SELECT * FROM source)`,
    "application/x-ndjson",
  );
  expect(await differences.text()).toBe("");
});

/** A JSON answer is a table: its columns once, then rows of values. Ingest takes objects. */
function asObjects(text: string): string {
  const { columns: names, rows } = JSON.parse(text) as {
    readonly columns: readonly { readonly name: string }[];
    readonly rows: readonly (readonly unknown[])[];
  };
  return JSON.stringify(
    rows.map((row) => Object.fromEntries(names.map(({ name }, index) => [name, row[index]]))),
  );
}
