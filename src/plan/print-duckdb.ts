/**
 * Prints expressions and aggregates for DuckDB. No value of a row makes them fail: what an operator
 * cannot compute, or its type cannot hold, is NULL, and so are NaN and the infinities.
 */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Aggregate, type Expression } from "./expression.ts";
import { type ColumnType } from "./plan.ts";
import { printBaseAggregate, type AggregateScope } from "./print-aggregate.ts";
import { typeSql } from "./print-constant.ts";
import { printStored } from "./print-scalar.ts";

export { rowOrder, type AggregateScope } from "./print-aggregate.ts";

/** `BIGINT`, `DECIMAL(18,4)`, … */
export function columnTypeToDuckdb(type: ColumnType): string {
  return typeSql(type).text;
}

/**
 * `column` says how a column is written; by default its quoted name. A float's zero has no sign.
 */
export function printExpression(
  expression: Expression,
  column: (name: string) => Sql = sql.id,
): Sql {
  return printStored(expression, (leaf) => {
    assert(leaf.kind === "column", "an expression of one row names columns only");
    return column(leaf.name);
  });
}

/**
 * One SQL expression for a SELECT with GROUP BY. Arithmetic over aggregates is a lambda over a
 * struct of them, since TRY takes no aggregates.
 */
export function printAggregate(aggregate: Aggregate, scope: AggregateScope): Sql {
  if (aggregate.kind === "aggregate") return printBaseAggregate(aggregate, scope);
  const fields: Sql[] = [];
  const body = printStored(aggregate, (leaf) => {
    assert(leaf.kind === "aggregate", "an expression of a window names aggregates only");
    const name = `a${fields.length}`;
    fields.push(sql`${sql.literal(name)}: ${printBaseAggregate(leaf, scope)}`);
    return sql`_m.${sql.id(name)}`;
  });
  if (fields.length === 0) return body;
  return sql`list_transform([{${sql.join(fields)}}], lambda _m: ${body})[1]`;
}
