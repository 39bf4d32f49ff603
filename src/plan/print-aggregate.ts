/** The aggregates in DuckDB: none depends on the order in which threads meet the rows. */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Aggregate, type AggregateFunction, type Expression } from "./expression.ts";
import { typeSql } from "./print-constant.ts";
import { printScalar, printStored } from "./print-scalar.ts";

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

/** An aggregate's argument and its FILTER clause. */
interface Input {
  readonly value: Sql;
  readonly filter: Sql;
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
  const { where, argument } = aggregate;
  const filter = where === null ? sql.empty : sql` FILTER (WHERE ${print(where, printScalar)})`;
  if (argument === null) return sql`count(*)${filter}`;
  const value = print(argument, printStored);
  return PRINTERS[aggregate.function]({ value, filter, expression: argument, scope });
}

const PRINTERS: Readonly<Record<AggregateFunction, Printer>> = {
  count: ({ value, filter }) => sql`count(${value})${filter}`,
  countDistinct: ({ value, filter }) => sql`count(DISTINCT ${value})${filter}`,
  sum: (input) => {
    switch (input.expression.type.kind) {
      case "float64":
        return floatSum(input, (sum) => sum);
      case "decimal":
        return decimalSum(input);
      default:
        // DuckDB sums integers in 128 bits: they cannot overflow before they are cast.
        return sql`TRY_CAST(${sum(input.value, input)} AS BIGINT)`;
    }
  },
  avg: (input) => {
    if (input.expression.type.kind === "float64") {
      return floatSum(input, (sum, count) => sql`${sum} / ${count}`);
    }
    const isDecimal = input.expression.type.kind === "decimal";
    const total = isDecimal ? decimalSum(input) : sum(input.value, input);
    const count = sql`count(${input.value})${input.filter}`;
    return sql`(CAST(${total} AS DOUBLE) / ${count})`;
  },
  min: ({ value, filter }) => sql`min(${value})${filter}`,
  max: ({ value, filter }) => sql`max(${value})${filter}`,
  first: ({ value, filter, scope }) => sql`arg_min(${value}, ${orderOf(scope)})${filter}`,
  last: ({ value, filter, scope }) => sql`arg_max(${value}, ${orderOf(scope)})${filter}`,
};

function orderOf(scope: AggregateScope): Sql {
  return scope.order ?? rowOrder(scope.eventTime, scope.seq);
}

function sum(value: Sql, { filter }: Input): Sql {
  return sql`sum(${value})${filter}`;
}

/** Digits that ten billion rows may sum up without leaving DECIMAL(38). */
const SAFE_DIGITS = 28;

/**
 * The sum of wide decimals in two parts, the multiples of a power of ten and the rest: DuckDB's own
 * sum would fail the whole statement when it overflows on the way.
 */
function decimalSum(input: Input): Sql {
  const { type } = input.expression;
  assert(type.kind === "decimal", "a sum of decimals");
  const { precision, scale } = type;
  if (precision <= SAFE_DIGITS) return sum(input.value, input);
  const unitDigits = Math.max(0, precision - scale - SAFE_DIGITS);
  const unit = sql.literal(10n ** BigInt(unitDigits));
  // Of two different decimals that are wide, DuckDB would take the remainder as a float.
  const rest = sql`(${input.value} % CAST(${unit} AS ${typeSql(type)}))`;
  const result = typeSql({ kind: "decimal", precision: 38, scale });
  const low = sum(sql`CAST(${rest} AS ${result})`, input);
  const whole = sql`CAST(${input.value} - ${rest} AS HUGEINT)`;
  const high = sum(sql`${whole} // CAST(${unit} AS HUGEINT)`, input);
  return sql`list_transform([{'high': ${high}, 'low': ${low}}], lambda _s:
    TRY(CAST(CAST(TRY(_s.high * CAST(${unit} AS HUGEINT)) AS ${result}) + _s.low AS ${result})))[1]`;
}

/** 2^43 and 2^-30. */
const LARGE = sql`8796093022208.0::DOUBLE`;
const SMALL = sql`9.313225746154785e-10::DOUBLE`;

/**
 * A float sum that is the same whatever the order of the rows. Every usual value is a whole number of
 * 2^-83: its multiples of 2^-20 and the rest are summed as integers, which is exact. What is too
 * large or too small for that is added in the order of the positions.
 */
function floatSum(input: Input, result: (sum: Sql, count: Sql) => Sql): Sql {
  const { value, scope, filter } = input;
  const isUsual = sql`abs(${value}) >= ${SMALL} AND abs(${value}) < ${LARGE}`;
  const scaled = sql`(${value} * 1048576)`;
  const high = sql`CASE WHEN ${isUsual} THEN CAST(trunc(${scaled}) AS BIGINT) END`;
  const low = sql`CASE WHEN ${isUsual}
    THEN CAST((${scaled} - trunc(${scaled})) * 9223372036854775808.0::DOUBLE AS BIGINT) END`;
  const others = sql`CASE WHEN ${value} <> 0 AND NOT (${isUsual}) THEN ${value} END`;
  const otherFilter = filter.text === "" ? sql` FILTER (WHERE ${others} IS NOT NULL)` : filter;
  const fields = sql.join([
    sql`'high': ${sum(high, input)}`,
    sql`'low': ${sum(low, input)}`,
    sql`'others': sum(${others} ORDER BY ${scope.seq})${otherFilter}`,
    sql`'rows': count(${value})${filter}`,
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
