/** Values as the oracle sees them: slow, exact, and written without a look at the real thing. */
import { type ColumnType, type Constant } from "../../src/plan/plan.ts";

export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

/**
 * boolean; int32, int64 and timestamps (microseconds) bigint; float64 number; decimals as units and
 * scale; text and json string; dates a number of days since 1970-01-01.
 */
export type Value = null | boolean | bigint | number | string | Decimal;

export type Row = Readonly<Record<string, Value>>;

export function constantValue(constant: Constant, type: ColumnType): Value {
  if (constant === null) return null;
  const text = String(constant);
  switch (type.kind) {
    case "boolean":
      return constant === true;
    case "int32":
    case "int64":
      return BigInt(text);
    case "float64":
      return Number(constant);
    case "decimal":
      return parseDecimal(text, type.scale);
    case "text":
    case "json":
      return text;
    case "timestamp":
      return parseTimestamp(text);
    case "date":
      return Date.parse(`${text}T00:00:00Z`) / 86_400_000;
  }
}

export function parseDecimal(text: string, scale: number): Decimal {
  const [whole = "", fraction = ""] = text.replace(/^[+-]/, "").split(".");
  const exact = { units: BigInt(whole + fraction), scale: fraction.length };
  const rescaled = rescale(exact, scale);
  return text.startsWith("-") ? { units: -rescaled.units, scale } : rescaled;
}

/** `YYYY-MM-DD[T ]HH:MM:SS[.ffffff]Z` in microseconds. */
export function parseTimestamp(text: string): bigint {
  const [second = "", fraction = ""] = text.replace("Z", "").split(".");
  return (
    BigInt(Date.parse(`${second.replace(" ", "T")}Z`)) * 1000n + BigInt(fraction.padEnd(6, "0"))
  );
}

/** Half away from zero where digits go. */
export function rescale(value: Decimal, scale: number): Decimal {
  if (scale >= value.scale) {
    return { units: value.units * 10n ** BigInt(scale - value.scale), scale };
  }
  const by = 10n ** BigInt(value.scale - scale);
  const size = value.units < 0n ? -value.units : value.units;
  const rounded = (size + by / 2n) / by;
  return { units: value.units < 0n ? -rounded : rounded, scale };
}

export function fits(value: Decimal, precision: number): Decimal | null {
  const limit = 10n ** BigInt(precision);
  return value.units < limit && value.units > -limit ? value : null;
}

export function decimalText(value: Decimal): string {
  const size = String(value.units < 0n ? -value.units : value.units).padStart(value.scale + 1, "0");
  const whole = size.slice(0, size.length - value.scale);
  const fraction = value.scale === 0 ? "" : `.${size.slice(size.length - value.scale)}`;
  return `${value.units < 0n ? "-" : ""}${whole}${fraction}`;
}

/** Of two values of one type. Text goes by code point, which is the order of UTF-8 too. */
export function compare(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string")
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  const left = a !== null && typeof a === "object" ? a.units : a;
  const right = b !== null && typeof b === "object" ? b.units : b;
  if (left === null || right === null) throw new Error("null has no order");
  return left < right ? -1 : left > right ? 1 : 0;
}

export function textOf(value: Value | undefined): string {
  return typeof value === "object" && value !== null ? decimalText(value) : String(value);
}

/** The same text for equal values of one type, null included. */
export function identity(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "object") return decimalText(value);
  return `${typeof value}:${value === 0 ? "0" : String(value)}`;
}

/** The same text for equal lists of values. */
export function identities(values: readonly Value[]): string {
  return JSON.stringify(values.map(identity));
}

export interface StoredRow {
  /** Dense, from 0, over the accepted rows of a dataset. */
  readonly seq: number;
  readonly row: Row;
  readonly eventTimeUs: bigint;
}
