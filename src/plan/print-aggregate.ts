/** The aggregates in DuckDB: none depends on the order in which threads meet the rows. */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Aggregate, type AggregateFunction, type Expression } from "./expression.ts";
import { typeSql } from "./print-constant.ts";
import { printScalar, printStored, printUnchecked } from "./print-scalar.ts";

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

type BaseAggregate = Extract<Aggregate, { readonly kind: "aggregate" }>;

/** An aggregate's argument and the condition on its rows. */
interface Input {
  /** Finite or NULL, and a zero has no sign. */
  readonly value: Sql;
  /** The same, but a float may be NaN or infinite. */
  readonly raw: Sql;
  readonly where: Sql | null;
  readonly expression: Expression;
  readonly scope: AggregateScope;
}

type Printer = (input: Input) => Sql;

/** 2^63: a position is below it, so one number orders by event time first and position second. */
const POSITIONS = sql`9223372036854775808`;

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
  const column = scope.column ?? sql.id;
  const print = (expression: Expression, how: typeof printScalar): Sql =>
    how(expression, (leaf) => {
      assert(leaf.kind === "column", "an aggregate's argument names columns only");
      return column(leaf.name);
    });
  const { argument } = aggregate;
  const where = aggregate.where === null ? null : print(aggregate.where, printScalar);
  if (argument === null) return sql`count(*)${filterOf(where)}`;
  const input = {
    value: print(argument, printStored),
    raw: print(argument, printUnchecked),
    where,
    expression: argument,
    scope,
  };
  return PRINTERS[aggregate.function](input);
}

function filterOf(where: Sql | null): Sql {
  return where === null ? sql.empty : sql` FILTER (WHERE ${where})`;
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
};

function orderOf(scope: AggregateScope): Sql {
  return scope.order ?? rowOrder(scope.eventTime, scope.seq);
}

function sum(value: Sql, { where }: Input): Sql {
  return sql`sum(${value})${filterOf(where)}`;
}

/** Digits that ten billion rows may sum up without leaving DECIMAL(38). */
const SAFE_DIGITS = 28;

/**
 * The sum of decimals. DuckDB's own fails the whole statement when it overflows on the way, so wide
 * values go apart, in two parts: the multiples of a power of ten and the rest.
 */
function decimalSum(input: Input): Sql {
  const { value } = input;
  const { type } = input.expression;
  assert(type.kind === "decimal", "a sum of decimals");
  const { precision, scale } = type;
  if (precision <= SAFE_DIGITS) return sum(value, input);
  const own = typeSql(type);
  const result = typeSql({ kind: "decimal", precision: 38, scale });
  const limit = sql`CAST(${sql.literal(powerOfTen(SAFE_DIGITS - scale))} AS ${own})`;
  const isUsual = sql`${value} BETWEEN -${limit} AND ${limit}`;
  const unit = sql.literal(powerOfTen(Math.max(0, precision - scale - SAFE_DIGITS)));
  // Of two different decimals that are wide, DuckDB would take the remainder as a float.
  const rest = sql`(${value} % CAST(${unit} AS ${own}))`;
  const whole = sql`CAST(${value} - ${rest} AS HUGEINT) // CAST(${unit} AS HUGEINT)`;
  const part = (name: string, one: Sql): Sql => sql`${sql.literal(name)}: ${sum(one, input)}`;
  const fields = sql.join([
    part("usual", sql`CASE WHEN ${isUsual} THEN CAST(${value} AS ${result}) END`),
    part("high", sql`CASE WHEN NOT (${isUsual}) THEN ${whole} END`),
    part("low", sql`CASE WHEN NOT (${isUsual}) THEN CAST(${rest} AS ${result}) END`),
  ]);
  const high = sql`CAST(_s.high * CAST(${unit} AS HUGEINT) AS ${result})`;
  const wide = sql`TRY(CAST(${high} + _s.low + coalesce(_s.usual, 0) AS ${result}))`;
  return sql`list_transform([{${fields}}], lambda _s:
    CASE WHEN _s.high IS NULL THEN _s.usual ELSE ${wide} END)[1]`;
}

/** As text, since the exponent may be negative. */
function powerOfTen(exponent: number): string {
  return exponent >= 0 ? `1${"0".repeat(exponent)}` : `0.${"0".repeat(-exponent - 1)}1`;
}

/** From 2^-30 to the largest float below 2^43. */
const USUAL = sql`BETWEEN 9.313225746154785e-10::DOUBLE AND 8796093022207.999::DOUBLE`;

/**
 * A float sum that is the same whatever the order of the rows. Every usual value is a whole number
 * of 2^-83: its multiples of 2^-20 and the rest are summed as integers, which is exact. What is too
 * large or too small for that is added in the order of the positions.
 */
function floatSum(input: Input, result: (total: Sql, count: Sql) => Sql): Sql {
  const { raw, scope, where } = input;
  const isUsual = sql`abs(${raw}) ${USUAL}`;
  const scaled = sql`(${raw} * 1048576)`;
  const high = sql`CASE WHEN ${isUsual} THEN CAST(trunc(${scaled}) AS BIGINT) END`;
  const low = sql`CASE WHEN ${isUsual}
    THEN CAST((${scaled} - trunc(${scaled})) * 9223372036854775808.0::DOUBLE AS BIGINT) END`;
  const isOther = sql`${raw} <> 0 AND isfinite(${raw}) AND NOT (${isUsual})`;
  const others = filterOf(where === null ? isOther : sql`${where} AND ${isOther}`);
  const fields = sql.join([
    sql`'high': ${sum(high, input)}`,
    sql`'low': ${sum(low, input)}`,
    sql`'others': sum(${raw} ORDER BY ${scope.seq})${others}`,
    sql`'rows': count(CASE WHEN isfinite(${raw}) THEN 1 END)${filterOf(where)}`,
  ]);
  const unit = sql`9671406556917033397649408.0::DOUBLE`;
  // One rounding of the exact sum; two where it is so large that 128 bits do not hold it.
  const exact = sql`CAST(TRY(_s.high * ${POSITIONS} + _s.low) AS DOUBLE) / ${unit}`;
  const rounded = sql`CAST(_s.high AS DOUBLE) / 1048576 + CAST(_s.low AS DOUBLE) / ${unit}`;
  const usual = sql`coalesce(${exact}, ${rounded}, 0)`;
  const total = result(sql`(${usual} + coalesce(_s.others, 0))`, sql`_s."rows"`);
  return sql`list_transform([{${fields}}], lambda _s:
    CASE WHEN _s."rows" > 0 AND isfinite(${total}) THEN ${total} END)[1]`;
}
