/** Casts, value by value; null where the value does not fit. */
import { type ColumnType } from "../../src/plan/plan.ts";
import {
  decimalText,
  fits,
  parseDecimal,
  parseTimestamp,
  rescale,
  textOf,
  type Decimal,
  type Value,
} from "./value.ts";

export function castValue(value: Value, from: ColumnType, to: ColumnType): Value {
  if (value === null) return null;
  if (from.kind === to.kind && from.kind !== "decimal") return value;
  switch (to.kind) {
    case "boolean":
      return value === "true" ? true : value === "false" ? false : null;
    case "int32":
      return integer(value, from, 32);
    case "int64":
      return integer(value, from, 64);
    case "float64":
      return float(value, from);
    case "decimal":
      return decimal(value, from, to.precision, to.scale);
    case "text":
      return text(value, from);
    case "timestamp":
      return from.kind === "date"
        ? BigInt(value as number) * 86_400_000_000n
        : timestamp(textOf(value));
    case "date":
      return from.kind === "timestamp" ? day(value as bigint) : date(textOf(value));
    case "json":
      return value;
  }
}

function integer(value: Value, from: ColumnType, bits: number): Value {
  let whole: bigint;
  if (from.kind === "boolean") whole = value === true ? 1n : 0n;
  else if (from.kind === "decimal") whole = rescale(value as Decimal, 0).units;
  else if (from.kind === "float64") whole = BigInt(awayFromZero(value as number));
  else if (from.kind === "text") {
    if (!/^[+-]?\d{1,60}$/.test(textOf(value))) return null;
    whole = BigInt(textOf(value).replace(/^\+/, ""));
  } else whole = value as bigint;
  return BigInt.asIntN(bits, whole) === whole ? whole : null;
}

function awayFromZero(value: number): number {
  return value < 0 ? -Math.round(-value) : Math.round(value);
}

function float(value: Value, from: ColumnType): Value {
  if (from.kind === "text") {
    if (!/^[+-]?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,4})?$/.test(textOf(value))) return null;
    return Number.isFinite(Number(value)) ? Number(value) : null;
  }
  if (from.kind === "decimal") return decimalToFloat(value as Decimal);
  return Number(value);
}

/**
 * Where the digits do not fit into a float, whole and fraction are rounded apart: one digit may
 * differ.
 */
export function decimalToFloat({ units, scale }: Decimal): number {
  const by = 10n ** BigInt(scale);
  const isExact = BigInt.asIntN(54, units) === units;
  return isExact
    ? Number(units) / Number(by)
    : Number(units / by) + Number(units % by) / Number(by);
}

function decimal(value: Value, from: ColumnType, precision: number, scale: number): Value {
  switch (from.kind) {
    case "decimal":
      return fits(rescale(value as Decimal, scale), precision);
    case "float64": {
      const scaled = awayFromZero((value as number) * 10 ** scale);
      // 10^38 as a float is below 10^38: the bound is the float's.
      if (!Number.isFinite(scaled) || Math.abs(scaled) >= 10 ** precision) return null;
      return fits({ units: BigInt(scaled), scale }, precision);
    }
    case "text":
      if (!/^[+-]?\d{1,60}(\.\d{1,60})?$/.test(textOf(value))) return null;
      return fits(parseDecimal(textOf(value), scale), precision);
    default:
      return fits(rescale({ units: value as bigint, scale: 0 }, scale), precision);
  }
}

function text(value: Value, from: ColumnType): string {
  switch (from.kind) {
    case "decimal":
      return decimalText(value as Decimal);
    case "timestamp": {
      const us = value as bigint;
      const rest = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
      const second = new Date(Number((us - rest) / 1000n)).toISOString().slice(0, 19);
      return `${second}.${String(rest).padStart(6, "0")}Z`;
    }
    case "date":
      return new Date((value as number) * 86_400_000).toISOString().slice(0, 10);
    default:
      return textOf(value);
  }
}

function day(us: bigint): number {
  return Math.floor(Number(us / 1000n - (us % 1000n < 0n ? 1n : 0n)) / 86_400_000);
}

function isDay(written: string): boolean {
  const date = new Date(`${written}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || written.startsWith("0000")) return false;
  return date.toISOString().startsWith(written);
}

function date(written: string): Value {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(written) || !isDay(written)) return null;
  return Date.parse(`${written}T00:00:00Z`) / 86_400_000;
}

function timestamp(written: string): Value {
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2}):(\d{2})(\.\d{1,6})?Z$/.exec(written);
  if (match === null || !isDay(match[1] ?? "")) return null;
  if (Number(match[2]) > 23 || Number(match[3]) > 59 || Number(match[4]) > 59) return null;
  return parseTimestamp(written);
}
