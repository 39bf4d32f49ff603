/** The aggregates in DuckDB: none depends on the order in which threads meet the rows. */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import {
  type Aggregate,
  type AggregateFunction,
  type ColumnExpression,
  type Expression,
} from "./expression.ts";
import { approxCountDistinct, approxQuantile, quantile, top } from "./print-rank.ts";
import { printScalar, printStored, printUnchecked } from "./print-scalar.ts";
import { decimalSum, filterOf, floatSum, POSITIONS, sum, type SumInput } from "./print-sum.ts";

/** How the rows of a window are written where the aggregates stand. */
export interface AggregateScope {
  /** The event time, a TIMESTAMP. */
  readonly eventTime: Sql;
  /** The position, a BIGINT that no two rows share. */
  readonly seq: Sql;
  /** By default the column's quoted name. */
  readonly column?: ((name: string) => Sql) | undefined;
  /** What `first` and `last` order by, where the caller has something cheaper than `rowOrder`. */
  readonly order?: Sql | undefined;
}

export type BaseAggregate = Extract<Aggregate, { readonly kind: "aggregate" }>;

/** An aggregate's argument and the condition on its rows. */
export interface AggregateInput extends SumInput {
  readonly aggregate: BaseAggregate;
  readonly scope: AggregateScope;
  /** Another column of the row. */
  readonly column: (column: ColumnExpression) => Sql;
}

type Printer = (input: AggregateInput) => Sql;

/**
 * Orders rows by event time, and those of one time by position: one HUGEINT, half the price of
 * comparing structs. With the bounds of the rows at hand it is a BIGINT where that is wide enough.
 */
export function rowOrder(
  eventTime: Sql,
  seq: Sql,
  bounds?: { minTimeUs: bigint; maxTimeUs: bigint; minSeq: bigint; maxSeq: bigint },
): Sql {
  if (bounds !== undefined) {
    const seqSpan = bounds.maxSeq - bounds.minSeq + 1n;
    if ((bounds.maxTimeUs - bounds.minTimeUs + 1n) * seqSpan < 2n ** 63n) {
      const time = sql`(epoch_us(${eventTime}) - ${sql.literal(bounds.minTimeUs)})`;
      return sql`(${time} * ${sql.literal(seqSpan)} + (${seq} - ${sql.literal(bounds.minSeq)}))`;
    }
  }
  return sql`(CAST(epoch_us(${eventTime}) AS HUGEINT) * ${POSITIONS} + ${seq})`;
}

export function printBaseAggregate(aggregate: BaseAggregate, scope: AggregateScope): Sql {
  const { argument } = aggregate;
  if (argument === null) return sql`count(*)${filterOf(conditionOf(aggregate, scope))}`;
  return PRINTERS[aggregate.function](aggregateInput(aggregate, argument, scope));
}

/** The argument and the condition in SQL, over the columns of a row. */
export function aggregateInput(
  aggregate: BaseAggregate,
  argument: Expression,
  scope: AggregateScope,
): AggregateInput {
  return {
    value: printRow(argument, scope, printStored),
    raw: printRow(argument, scope, printUnchecked),
    where: conditionOf(aggregate, scope),
    expression: argument,
    seq: scope.seq,
    aggregate,
    scope,
    column: (column) => printRow(column, scope, printStored),
  };
}

export function conditionOf({ where }: BaseAggregate, scope: AggregateScope): Sql | null {
  return where === null ? null : printRow(where, scope, printScalar);
}

function printRow(expression: Expression, scope: AggregateScope, print: typeof printScalar): Sql {
  const column = scope.column ?? sql.id;
  return print(expression, (leaf) => {
    assert(leaf.kind === "column", "an aggregate's argument names columns only");
    return column(leaf.name);
  });
}

const PRINTERS: Readonly<Record<AggregateFunction, Printer>> = {
  count: ({ value, where }) => sql`count(${value})${filterOf(where)}`,
  countDistinct: ({ value, where }) => sql`count(DISTINCT ${value})${filterOf(where)}`,
  sum: (input) => {
    switch (input.expression.type.kind) {
      case "float64":
        return floatSum(input, (total) => total);
      case "decimal":
        return decimalSum(input);
      default:
        // DuckDB sums integers in 128 bits: they cannot overflow before they are cast.
        return sql`TRY_CAST(${sum(input.value, input)} AS BIGINT)`;
    }
  },
  avg: (input) => {
    if (input.expression.type.kind === "float64") {
      return floatSum(input, (total, count) => sql`${total} / ${count}`);
    }
    const isDecimal = input.expression.type.kind === "decimal";
    const total = isDecimal ? decimalSum(input) : sum(input.value, input);
    const count = sql`count(${input.value})${filterOf(input.where)}`;
    return sql`(CAST(${total} AS DOUBLE) / ${count})`;
  },
  min: ({ value, where }) => sql`min(${value})${filterOf(where)}`,
  max: ({ value, where }) => sql`max(${value})${filterOf(where)}`,
  first: ({ value, where, scope }) => sql`arg_min(${value}, ${orderOf(scope)})${filterOf(where)}`,
  last: ({ value, where, scope }) => sql`arg_max(${value}, ${orderOf(scope)})${filterOf(where)}`,
  approxCountDistinct,
  quantile,
  approxQuantile,
  top: (input) => top(input, orderOf(input.scope)),
};

export function orderOf(scope: AggregateScope): Sql {
  return scope.order ?? rowOrder(scope.eventTime, scope.seq);
}
