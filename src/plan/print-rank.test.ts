/** Approximate aggregates over many values: how far off they are, and that nothing moves them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sql, type Sql } from "../core/sql.ts";
import { type Connection, type Database, openDatabase } from "../duckdb/duckdb.ts";
import { approxCountDistinct, approxQuantile, count, max, quantile, top } from "../index.ts";
import { PLAIN_TYPES } from "./column-type.ts";
import { type Aggregate } from "./expression.ts";
import { printAggregate, rowOrder } from "./print-duckdb.ts";
import { printPartials } from "./print-partial.ts";
import { Problems } from "./problem.ts";
import { resolveMeasure } from "./resolve-expression.ts";

const ROWS = 200_000;

let database: Database;
let connection: Connection;

beforeAll(async () => {
  database = await openDatabase({
    memoryLimitBytes: 1e9,
    threads: 2,
    temporaryDirectory: null,
    maxTemporaryBytes: 0,
    allowedDirectories: [],
  });
  connection = await database.connect();
  // Values over eight powers of ten, each about twice.
  await connection.run(
    sql`CREATE TABLE t AS SELECT make_timestamp(i * 1000) AS "at", i AS _seq,
               pow(10, (i * 7919 % 100003) / 12500.0) AS v, 'k' || (i * 7919 % 100003) AS k
          FROM range(${sql.literal(ROWS)}) AS r(i)`,
  );
});
afterAll(async () => database[Symbol.asyncDispose]());

const at = sql.id("at");
const seq = sql`_seq`;
const scope = { eventTime: at, seq, order: rowOrder(at, seq) };
const columns = [
  { name: "v", type: PLAIN_TYPES.float64, nullable: true },
  { name: "k", type: PLAIN_TYPES.text, nullable: true },
];

function measure(written: unknown): Aggregate {
  const resolved = resolveMeasure(written, { columns, broken: new Set() }, new Problems());
  if (resolved === undefined) throw new Error("no measure");
  return resolved;
}

async function overRows(written: unknown, rows: Sql = sql`t`): Promise<unknown> {
  const printed = printAggregate(measure(written), scope);
  return (await connection.values(sql`SELECT ${printed} FROM ${rows} AS r`))[0]?.[0];
}

/** In parts of unequal length, merged in two steps. */
async function overParts(written: unknown, modulus: number): Promise<unknown> {
  const { states, measures } = printPartials([measure(written)], scope);
  const list = (pick: (one: (typeof states)[number]) => Sql): Sql =>
    sql.join(states.map((one) => sql`${pick(one)} AS ${sql.id(one.name)}`));
  const part = sql`(_seq * _seq) % ${sql.literal(modulus)}`;
  const parts = sql`(SELECT ${part} AS p, ${list((one) => one.partial)} FROM t GROUP BY p)`;
  const pairs = sql`(SELECT p % 5 AS p, ${list((one) => one.merge)} FROM ${parts} AS a GROUP BY 1)`;
  const whole = sql`(SELECT ${list((one) => one.merge)} FROM ${pairs} AS b)`;
  return (
    await connection.values(sql`SELECT ${measures[0] ?? sql`NULL`} FROM ${whole} AS w`)
  )[0]?.[0];
}

describe("approximate aggregates", () => {
  it("are about right", async () => {
    const distinct = Number(await overRows(approxCountDistinct("k")));
    expect(Math.abs(distinct / 100_003 - 1)).toBeLessThan(0.36);
    for (const share of [0, 0.01, 0.5, 0.9, 0.999, 1]) {
      const exact = Number(await overRows(quantile("v", share)));
      const about = Number(await overRows(approxQuantile("v", share)));
      expect(Math.abs(about / exact - 1)).toBeLessThan(0.0051);
    }
  });

  it.each([
    ["approxCountDistinct", approxCountDistinct("k")],
    ["approxQuantile", approxQuantile("v", 0.9)],
    ["quantile", quantile("v", 0.321)],
    ["top", top(7, "v", ["k"])],
    ["several", max("v").plus(quantile("v", 0.5)).minus(approxQuantile("v", 0.1)).plus(count())],
  ])("do not depend on order or division: %s", async (_, written) => {
    const whole = await overRows(written);
    expect(whole).not.toBeNull();
    const shuffled = sql`(SELECT ${at}, _seq, v, k FROM t ORDER BY hash(_seq))`;
    expect(await overRows(written, shuffled)).toEqual(whole);
    for (const modulus of [2, 13, 1009]) expect(await overParts(written, modulus)).toEqual(whole);
  });

  it("are null, or none, where there is no value", async () => {
    const none = sql`(SELECT ${at}, _seq, CAST(NULL AS DOUBLE) AS v, CAST(NULL AS VARCHAR) AS k FROM t)`;
    expect(await overRows(approxCountDistinct("k"), none)).toBe(0n);
    for (const written of [quantile("v", 0.5), approxQuantile("v", 0.5), top(2, "v")]) {
      expect(await overRows(written, none)).toBeNull();
    }
  });
});
