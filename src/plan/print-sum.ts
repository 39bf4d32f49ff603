/**
 * Sums that do not depend on the order of the rows, and never fail: in parts that add up exactly,
 * and the result over those.
 */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Expression } from "./expression.ts";
import { typeSql } from "./print-constant.ts";

/** What is summed, and the condition on its rows. */
export interface SumInput {
  /** Finite or NULL, and a zero has no sign. */
  readonly value: Sql;
  /** The same, but a float may be NaN or infinite. */
  readonly raw: Sql;
  readonly where: Sql | null;
  readonly expression: Expression;
  /** The position of a row. */
  readonly seq: Sql;
}

/** The parts by name: aggregates over rows. */
export type Parts<N extends string> = Readonly<Record<N, Sql>>;

/** 2^63: a position is below it, so one number orders by event time first and position second. */
export const POSITIONS = sql`9223372036854775808`;

export function filterOf(where: Sql | null): Sql {
  return where === null ? sql.empty : sql` FILTER (WHERE ${where})`;
}

export function sum(value: Sql, { where }: Pick<SumInput, "where">): Sql {
  return sql`sum(${value})${filterOf(where)}`;
}

/** A struct of the parts, and a lambda over it: aggregates cannot stand inside TRY. */
function overParts<N extends string>(parts: Parts<N>, result: (parts: Parts<N>) => Sql): Sql {
  const names = Object.keys(parts) as N[];
  const fields = names.map((name) => sql`${sql.literal(name)}: ${parts[name]}`);
  const read = Object.fromEntries(names.map((name) => [name, sql`_s.${sql.id(name)}`]));
  return sql`list_transform([{${sql.join(fields)}}], lambda _s: ${result(read as Parts<N>)})[1]`;
}

/** Digits that ten billion rows may sum up without leaving DECIMAL(38). */
const SAFE_DIGITS = 28;

/** Whether DuckDB's own sum of such decimals cannot overflow. */
export function isNarrow(expression: Expression): boolean {
  assert(expression.type.kind === "decimal", "a sum of decimals");
  return expression.type.precision <= SAFE_DIGITS;
}

export function decimalSum(input: SumInput): Sql {
  if (isNarrow(input.expression)) return sum(input.value, input);
  return overParts(decimalParts(input), (parts) => decimalTotal(input.expression, parts));
}

export type DecimalPart = "usual" | "high" | "low";

/**
 * DuckDB's own sum of decimals fails the whole statement when it overflows on the way, so wide
 * values go apart, in two parts: the multiples of a power of ten and the rest.
 */
export function decimalParts(input: SumInput): Parts<DecimalPart> {
  const { value } = input;
  const { own, result, unit, limit } = wideDecimal(input.expression);
  const isUsual = sql`${value} BETWEEN -${limit} AND ${limit}`;
  // Of two different decimals that are wide, DuckDB would take the remainder as a float.
  const rest = sql`(${value} % CAST(${unit} AS ${own}))`;
  const whole = sql`CAST(${value} - ${rest} AS HUGEINT) // CAST(${unit} AS HUGEINT)`;
  return {
    usual: sum(sql`CASE WHEN ${isUsual} THEN CAST(${value} AS ${result}) END`, input),
    high: sum(sql`CASE WHEN NOT (${isUsual}) THEN ${whole} END`, input),
    low: sum(sql`CASE WHEN NOT (${isUsual}) THEN CAST(${rest} AS ${result}) END`, input),
  };
}

export function decimalTotal(expression: Expression, parts: Parts<DecimalPart>): Sql {
  const { result, unit } = wideDecimal(expression);
  const high = sql`CAST(${parts.high} * CAST(${unit} AS HUGEINT) AS ${result})`;
  const wide = sql`TRY(CAST(${high} + ${parts.low} + coalesce(${parts.usual}, 0) AS ${result}))`;
  return sql`CASE WHEN ${parts.high} IS NULL THEN ${parts.usual} ELSE ${wide} END`;
}

function wideDecimal({ type }: Expression): Record<"own" | "result" | "unit" | "limit", Sql> {
  assert(type.kind === "decimal", "a sum of decimals");
  const { precision, scale } = type;
  const own = typeSql(type);
  return {
    own,
    result: typeSql({ kind: "decimal", precision: 38, scale }),
    unit: sql.literal(powerOfTen(Math.max(0, precision - scale - SAFE_DIGITS))),
    limit: sql`CAST(${sql.literal(powerOfTen(SAFE_DIGITS - scale))} AS ${own})`,
  };
}

/** As text, since the exponent may be negative. */
function powerOfTen(exponent: number): string {
  return exponent >= 0 ? `1${"0".repeat(exponent)}` : `0.${"0".repeat(-exponent - 1)}1`;
}

/** From 2^-30 to the largest float below 2^43. */
const USUAL = sql`BETWEEN 9.313225746154785e-10::DOUBLE AND 8796093022207.999::DOUBLE`;

export type FloatPart = "high" | "low" | "others" | "rows";

/** The sum, or the mean, of floats. */
export function floatSum(input: SumInput, result: (total: Sql, count: Sql) => Sql): Sql {
  const { isOther, ...exact } = floatParts(input);
  const others = sql`sum(${input.raw} ORDER BY ${input.seq})${filterOf(isOther)}`;
  return overParts({ ...exact, others }, (parts) => floatTotal(parts, result));
}

/**
 * A float sum that is the same whatever the order of the rows. Every usual value is a whole number
 * of 2^-83: its multiples of 2^-20 and the rest are summed as integers, which is exact. What is too
 * large or too small for that (`isOther`) is to be added in the order of the positions.
 */
export function floatParts(
  input: SumInput,
): Parts<Exclude<FloatPart, "others">> & { readonly isOther: Sql } {
  const { raw, where } = input;
  const isUsual = sql`abs(${raw}) ${USUAL}`;
  const scaled = sql`(${raw} * 1048576)`;
  const high = sql`CASE WHEN ${isUsual} THEN CAST(trunc(${scaled}) AS BIGINT) END`;
  const low = sql`CASE WHEN ${isUsual}
    THEN CAST((${scaled} - trunc(${scaled})) * 9223372036854775808.0::DOUBLE AS BIGINT) END`;
  const isOther = sql`${raw} <> 0 AND isfinite(${raw}) AND NOT (${isUsual})`;
  return {
    high: sum(high, input),
    low: sum(low, input),
    rows: sql`count(CASE WHEN isfinite(${raw}) THEN 1 END)${filterOf(where)}`,
    isOther: where === null ? isOther : sql`${where} AND ${isOther}`,
  };
}

export function floatTotal(parts: Parts<FloatPart>, result: (total: Sql, count: Sql) => Sql): Sql {
  const unit = sql`9671406556917033397649408.0::DOUBLE`;
  // One rounding of the exact sum; two where it is so large that 128 bits do not hold it.
  const exact = sql`CAST(TRY(${parts.high} * ${POSITIONS} + ${parts.low}) AS DOUBLE) / ${unit}`;
  const rounded = sql`CAST(${parts.high} AS DOUBLE) / 1048576 + CAST(${parts.low} AS DOUBLE) / ${unit}`;
  const usual = sql`coalesce(${exact}, ${rounded}, 0)`;
  const total = result(sql`(${usual} + coalesce(${parts.others}, 0))`, parts.rows);
  return sql`CASE WHEN ${parts.rows} > 0 AND isfinite(${total}) THEN ${total} END`;
}
