import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sql, type Sql } from "../../src/core/sql.ts";
import { type Connection, openDatabase, type Database } from "../../src/duckdb/duckdb.ts";
import { type Aggregate } from "../../src/plan/expression.ts";
import { type ColumnType } from "../../src/plan/plan.ts";
import {
  columnTypeToDuckdb,
  printAggregate,
  printExpression,
  rowOrder,
} from "../../src/plan/print-duckdb.ts";
import { printPartials } from "../../src/plan/print-partial.ts";
import { Problems } from "../../src/plan/problem.ts";
import { resolveExpression, resolveMeasure } from "../../src/plan/resolve-expression.ts";
import { Expression, type ExpressionNode } from "../../src/project/expression.ts";
import { aggregateRows } from "./aggregate.ts";
import { evaluate } from "./expression.ts";
import { COLUMNS, expressionNode, measureNode, randomRow } from "./random-expression.ts";
import { decimalText, textOf, type Row, type Value } from "./value.ts";

const SCOPE = { columns: COLUMNS, broken: new Set<string>() };

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
});

afterAll(async () => database[Symbol.asyncDispose]());

function literal(value: Value, type: ColumnType): Sql {
  const name = sql.keyword(columnTypeToDuckdb(type));
  if (value === null) return sql`CAST(NULL AS ${name})`;
  if (type.kind === "timestamp") return sql`make_timestamp(${sql.literal(textOf(value))}::BIGINT)`;
  if (type.kind === "date") return sql`(DATE '1970-01-01' + ${sql.literal(Number(value))})`;
  if (type.kind === "text") {
    const hex = Buffer.from(textOf(value)).toString("hex");
    return sql`decode(unhex(${sql.literal(hex)}))`;
  }
  const text =
    typeof value === "object" ? decimalText(value) : Object.is(value, -0) ? "-0.0" : textOf(value);
  return sql`CAST(${sql.literal(text)} AS ${name})`;
}

/** Positions are a shuffle of 0, 1, …, so that they differ from the order of the lines. */
async function load(rows: readonly Row[]): Promise<void> {
  const names = sql.join([...COLUMNS.map((one) => sql.id(one.name)), sql.id("_seq")]);
  const lines = rows.map((row, index) => {
    const values = COLUMNS.map((one) => literal(row[one.name] ?? null, one.type));
    return sql`(${sql.join(values)}, ${sql.literal(positionOf(index, rows.length))}::BIGINT)`;
  });
  await connection.run(
    sql`CREATE OR REPLACE TABLE t AS SELECT * FROM (VALUES ${sql.join(lines)}) AS v(${names})`,
  );
}

function positionOf(index: number, count: number): number {
  return count - 1 - index;
}

/** A value as the connection gives it. */
function plain(value: Value, type: ColumnType): unknown {
  if (value === null) return null;
  if (type.kind === "int32") return Number(value);
  return typeof value === "object" ? decimalText(value) : value;
}

function isEqual(found: unknown, expected: unknown, tolerance: number): boolean {
  if (isJson(found) && isJson(expected)) {
    return JSON.stringify(JSON.parse(found)) === JSON.stringify(JSON.parse(expected));
  }
  if (typeof found !== "number" || typeof expected !== "number") return found === expected;
  // A zero has one sign only where it is stored.
  if (found === expected) return !Object.is(found, -0);
  return Math.abs(found - expected) <= tolerance * Math.max(Math.abs(found), Math.abs(expected));
}

/** The rows of a `top`. */
function isJson(value: unknown): value is string {
  return typeof value === "string" && value.startsWith('[{"rank"');
}

function wrap(node: ExpressionNode): Expression {
  return new Expression(node);
}

type Print = (measures: readonly Aggregate[]) => {
  /** One for each measure, over the relation. */
  readonly printed: readonly Sql[];
  readonly from: Sql;
};

async function compareWithOracle(print: Print): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(measureNode(1), { minLength: 6, maxLength: 6 }),
      fc.array(randomRow, { maxLength: 15 }),
      async (nodes, rows) => {
        const measures = nodes.flatMap((node) => {
          const resolved = resolveMeasure(wrap(node), SCOPE, new Problems());
          return resolved === undefined ? [] : [resolved];
        });
        fc.pre(measures.length > 0 && rows.length > 0);
        await load(rows);
        const { printed, from } = print(measures);
        const named = printed.map((one, index) => sql`${one} AS ${sql.id(`m${index}`)}`);
        const [found] = await connection.rows<Record<string, unknown>>(
          sql`SELECT ${sql.join(named)} FROM ${from}`,
        );
        const placed = rows.map((row, index) => ({
          row,
          eventTimeUs: row["at"] as bigint,
          seq: positionOf(index, rows.length),
        }));
        for (const [index, measure] of measures.entries()) {
          const expected = plain(aggregateRows(measure, placed), measure.type);
          const actual = found?.[`m${index}`];
          if (isEqual(actual, expected, 1e-14)) continue;
          expect({ actual, rows, sql: printed[index]?.text }).toEqual({ actual: expected });
        }
      },
    ),
    { numRuns: runs },
  );
}

const runs = Number(process.env["KUROBE_RUNS"] ?? 150);

describe("expressions printed for DuckDB", () => {
  it("give what the oracle gives, on any rows", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(expressionNode(3), { minLength: 8, maxLength: 8 }),
        fc.array(randomRow, { minLength: 1, maxLength: 12 }),
        async (nodes, rows) => {
          const expressions = nodes.flatMap((node) => {
            const resolved = resolveExpression(wrap(node), SCOPE, new Problems());
            return resolved === undefined ? [] : [resolved];
          });
          fc.pre(expressions.length > 0);
          await load(rows);
          const printed = expressions.map(
            (one, index) =>
              sql`CAST(${printExpression(one)} AS ${sql.keyword(columnTypeToDuckdb(one.type))}) AS ${sql.id(`e${index}`)}`,
          );
          const found = await connection.rows<Record<string, unknown>>(
            sql`SELECT ${sql.join(printed)} FROM t ORDER BY _seq DESC`,
          );
          for (const [at, row] of rows.entries()) {
            for (const [index, expression] of expressions.entries()) {
              const expected = plain(evaluate(expression, row), expression.type);
              const actual = found[at]?.[`e${index}`];
              if (isEqual(actual, expected, 1e-15)) continue;
              expect({ actual, row, sql: printExpression(expression).text }).toEqual({
                actual: expected,
              });
            }
          }
        },
      ),
      { numRuns: runs },
    );
  });

  it("have the type that the plan says", async () => {
    await load([
      Object.fromEntries(COLUMNS.map((one) => [one.name, one.name === "at" ? 0n : null])),
    ]);
    await fc.assert(
      fc.asyncProperty(expressionNode(3), async (node) => {
        const expression = resolveExpression(wrap(node), SCOPE, new Problems());
        fc.pre(expression !== undefined);
        const [row] = await connection.rows<{ type: string }>(
          sql`SELECT typeof(${printExpression(expression)}) AS type FROM t`,
        );
        expect(row?.type).toBe(columnTypeToDuckdb(expression.type));
      }),
      { numRuns: runs },
    );
  });
});

describe("aggregates printed for DuckDB", () => {
  it("give what the oracle gives, whatever the order of the rows", async () => {
    const scope = { eventTime: sql`"at"`, seq: sql`_seq` };
    await compareWithOracle((measures) => ({
      printed: measures.map((one) => printAggregate(one, scope)),
      from: sql`t`,
    }));
  });

  it("give the same in parts that are merged, and merged again", async () => {
    const scope = {
      eventTime: sql`"at"`,
      seq: sql`_seq`,
      order: rowOrder(sql`"at"`, sql`_seq`),
    };
    await compareWithOracle((measures) => {
      const { states, measures: printed } = printPartials(measures, scope);
      const columns = (how: "partial" | "merge"): Sql =>
        sql.join(states.map((one) => sql`${one[how]} AS ${sql.id(one.name)}`));
      const parts = sql`(SELECT ${columns("partial")}, _seq % 5 AS _part FROM t GROUP BY _part)`;
      const halves = sql`(SELECT ${columns("merge")} FROM ${parts} AS p GROUP BY _part % 2)`;
      return { printed, from: sql`(SELECT ${columns("merge")} FROM ${halves} AS h) AS w` };
    });
  });

  it("order rows alike in 64 bits and in 128", async () => {
    const second = fc.integer({ min: 0, max: 3 }).map((value) => BigInt(value));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(second, randomRow), { minLength: 1 }), async (timed) => {
        await load(timed.map(([at, row]) => ({ ...row, at })));
        const bounds = { minTimeUs: 0n, maxTimeUs: 3n, minSeq: 0n, maxSeq: BigInt(timed.length) };
        const narrow = rowOrder(sql`"at"`, sql`_seq`, bounds);
        const wide = rowOrder(sql`"at"`, sql`_seq`);
        expect(narrow.text).not.toContain("HUGEINT");
        const [row] = await connection.rows<{ narrow: unknown; wide: unknown }>(
          sql`SELECT list(_seq ORDER BY ${narrow}) AS narrow, list(_seq ORDER BY ${wide}) AS wide
              FROM t`,
        );
        expect(row?.narrow).toEqual(row?.wide);
      }),
      { numRuns: 20 },
    );
  });
});
