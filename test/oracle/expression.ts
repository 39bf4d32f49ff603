/** Evaluates expressions one row at a time. */
import { type Expression, type ScalarOperator } from "../../src/plan/expression.ts";
import { type ColumnType } from "../../src/plan/plan.ts";
import { castValue } from "./cast.ts";
import { extractPart, truncateTime } from "./time.ts";
import {
  compare,
  constantValue,
  fits,
  rescale,
  textOf,
  type Decimal,
  type Row,
  type Value,
} from "./value.ts";

type Call = Extract<Expression, { readonly kind: "call" }>;
type Operator = (values: readonly Value[], call: Call) => Value;

export function evaluate(expression: Expression, row: Row): Value {
  switch (expression.kind) {
    case "column":
      return row[expression.name] ?? null;
    case "constant":
      return constantValue(expression.value, expression.type);
    case "call":
      return evaluateCall(
        expression,
        expression.arguments.map((one) => evaluate(one, row)),
      );
  }
}

/** Windows' trees differ in their leaves only: their values are given by the caller. */
export function evaluateCall(call: Call, values: readonly Value[]): Value {
  const lenient = LENIENT[call.operator];
  if (lenient !== undefined) return lenient(values, call);
  if (values.some((value) => value === null)) return null;
  const strict = STRICT[call.operator];
  if (strict === undefined) throw new Error(`the oracle has no ${call.operator}`);
  return strict(values, call);
}

/** Operators for which a null operand does not decide. */
const LENIENT: Partial<Record<ScalarOperator, Operator>> = {
  isNull: ([a]) => a === null,
  and: (values) => (values.includes(false) ? false : values.includes(null) ? null : true),
  or: (values) => (values.includes(true) ? true : values.includes(null) ? null : false),
  case: (values) => {
    let index = 0;
    while (index + 1 < values.length && values[index] !== true) index += 2;
    return (index + 1 < values.length ? values[index + 1] : values.at(-1)) ?? null;
  },
  coalesce: (values) => values.find((value) => value !== null) ?? null,
  nullIf: ([a = null, b = null]) => (a !== null && b !== null && compare(a, b) === 0 ? null : a),
  between: ([a = null, low = null, high = null]) => {
    const above = a === null || low === null ? null : compare(a, low) >= 0;
    const below = a === null || high === null ? null : compare(a, high) <= 0;
    if (above === false || below === false) return false;
    return above === null || below === null ? null : true;
  },
  in: ([a = null, ...others]) => {
    if (a === null) return null;
    if (others.some((other) => other !== null && compare(a, other) === 0)) return true;
    return others.includes(null) ? null : false;
  },
};

const STRICT: Partial<Record<ScalarOperator, Operator>> = {
  add: numeric(
    (a, b) => a + b,
    (a, b) => a + b,
    (a, b) => a + b,
    true,
  ),
  subtract: numeric(
    (a, b) => a - b,
    (a, b) => a - b,
    (a, b) => a - b,
    true,
  ),
  multiply: numeric(
    (a, b) => a * b,
    (a, b) => a * b,
    (a, b) => a * b,
    false,
  ),
  divide: ([a, b]) => (b === 0 ? null : finite((a as number) / (b as number))),
  modulo: ([a, b], { type }) => {
    if (type.kind === "float64") return b === 0 ? null : finite((a as number) % (b as number));
    if (type.kind === "decimal") {
      const divisor = (b as Decimal).units;
      return divisor === 0n ? null : { units: (a as Decimal).units % divisor, scale: type.scale };
    }
    if (b === 0n) return null;
    // The quotient does not fit, and with it the remainder is lost.
    if (a === -(2n ** 63n) && b === -1n) return null;
    return (a as bigint) % (b as bigint);
  },
  negate: ([a], { type }) => negate(a ?? null, type),
  abs: ([a], { type }) => {
    const isNegative =
      typeof a === "object" && a !== null ? a.units < 0n : (a as number | bigint) < 0;
    return isNegative ? negate(a ?? null, type) : (a ?? null);
  },
  round: ([a, digits], { type }) => {
    if (type.kind === "decimal") return fits(rescale(a as Decimal, type.scale), type.precision);
    return roundFloat(a as number, Number(digits));
  },
  floor: ([a], { type }) => toWhole(a ?? null, type, Math.floor, -1n),
  ceil: ([a], { type }) => toWhole(a ?? null, type, Math.ceil, 1n),
  eq: order((sign) => sign === 0),
  ne: order((sign) => sign !== 0),
  lt: order((sign) => sign < 0),
  le: order((sign) => sign <= 0),
  gt: order((sign) => sign > 0),
  ge: order((sign) => sign >= 0),
  not: ([a]) => a === false,
  lower: ([a]) => mapCodePoints(textOf(a), (one) => one.toLowerCase()),
  upper: ([a]) => mapCodePoints(textOf(a), (one) => (one === "ß" ? "ẞ" : one.toUpperCase())),
  length: ([a]) => BigInt(codePoints(a).length),
  concat: (values) => values.map(textOf).join(""),
  substring: ([a, start, length]) => {
    const points = codePoints(a).slice(Number(start) - 1);
    return (length === undefined ? points : points.slice(0, Number(length))).join("");
  },
  trim: ([a]) => textOf(a).replace(/^ +/, "").replace(/ +$/, ""),
  replace: ([a, search, by]) =>
    textOf(search) === "" ? textOf(a) : textOf(a).split(textOf(search)).join(textOf(by)),
  startsWith: ([a, b]) => textOf(a).startsWith(textOf(b)),
  endsWith: ([a, b]) => textOf(a).endsWith(textOf(b)),
  contains: ([a, b]) => textOf(a).includes(textOf(b)),
  truncate: ([a, unit, zone], { type }) => {
    if (type.kind !== "date") return truncateTime(a as bigint, textOf(unit), textOf(zone));
    const us = truncateTime(BigInt(a as number) * 86_400_000_000n, textOf(unit), "UTC");
    return Number(us / 86_400_000_000n);
  },
  extract: ([a, part, zone]) => extractPart(a as bigint, textOf(part), textOf(zone)),
  addDuration: ([a, us]) => {
    const sum = (a as bigint) + (us as bigint);
    const isInRange = sum >= -62_135_596_800_000_000n && sum <= 253_402_300_799_999_999n;
    return isInRange ? sum : null;
  },
  differenceUs: ([a, b]) => (a as bigint) - (b as bigint),
  cast: ([a = null], { arguments: [source], type }) =>
    source === undefined ? null : castValue(a, source.type, type),
};

function numeric(
  floats: (a: number, b: number) => number,
  integers: (a: bigint, b: bigint) => bigint,
  decimals: (a: bigint, b: bigint) => bigint,
  isAligned: boolean,
): Operator {
  return ([a, b], { type }) => {
    if (type.kind === "float64") return finite(floats(a as number, b as number));
    if (type.kind !== "decimal") return int64(integers(a as bigint, b as bigint));
    const sides = [a as Decimal, b as Decimal].map((side) =>
      isAligned ? fits(rescale(side, type.scale), type.precision) : side,
    );
    const [left, right] = sides;
    if (!left || !right) return null;
    return fits({ units: decimals(left.units, right.units), scale: type.scale }, type.precision);
  };
}

function order(test: (sign: number) => boolean): Operator {
  return ([a = null, b = null]) => test(compare(a, b));
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function int64(value: bigint): bigint | null {
  return BigInt.asIntN(64, value) === value ? value : null;
}

function negate(value: Value, type: ColumnType): Value {
  if (type.kind === "float64") return -(value as number);
  if (type.kind === "decimal") return { units: -(value as Decimal).units, scale: type.scale };
  return int64(-(value as bigint));
}

/** As C does it: scaled up, rounded half away from zero, scaled down. */
export function roundFloat(value: number, digits: number): number {
  const away = (x: number): number => (x < 0 ? -Math.round(-x) : Math.round(x));
  if (digits === 0) return away(value);
  const factor = 10 ** digits;
  const rounded = away(value * factor) / factor;
  return Number.isFinite(rounded) ? rounded : value;
}

function toWhole(
  value: Value,
  type: ColumnType,
  float: (value: number) => number,
  direction: bigint,
): Value {
  if (type.kind !== "decimal") return float(value as number);
  const { units, scale } = value as Decimal;
  const by = 10n ** BigInt(scale);
  const isOff = units % by !== 0n && units < 0n === direction < 0n;
  return fits({ units: units / by + (isOff ? direction : 0n), scale: 0 }, type.precision);
}

function codePoints(text: Value | undefined): readonly string[] {
  return Array.from(textOf(text));
}

/** One code point for one: letters that become several stay as they are. */
function mapCodePoints(text: string, map: (one: string) => string): string {
  return codePoints(text)
    .map((one) => (codePoints(map(one)).length === 1 ? map(one) : one))
    .join("");
}
