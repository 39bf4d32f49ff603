/** Turns the constants that users write into the one exact form that a plan carries. */
import {
  decimalType,
  isDecimalShape,
  MAX_DECIMAL_DIGITS,
  PLAIN_TYPES,
  typeName,
} from "./column-type.ts";
import { type ColumnType, type Constant } from "./plan.ts";

const MAX_INT64 = 2n ** 63n - 1n;
const INTEGER = /^[+-]?\d{1,60}$/;
const DECIMAL = /^([+-]?)(\d{0,60})(?:\.(\d{0,60}))?$/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIMESTAMP =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(Z|[+-]\d{2}:\d{2})$/;

/** The exact constant of `type`, or undefined where the value is none (or would be rounded). */
export function exactConstant(type: ColumnType, value: unknown): Constant | undefined {
  switch (type.kind) {
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "text":
      // A lone surrogate has no UTF-8 form, so no row can ever equal it.
      return typeof value === "string" && !LONE_SURROGATE.test(value) ? value : undefined;
    case "int32": {
      const whole = wholeNumber(value);
      if (whole === undefined || whole < -(2n ** 31n) || whole >= 2n ** 31n) return undefined;
      return Number(whole);
    }
    case "int64": {
      const whole = wholeNumber(value);
      if (whole === undefined || whole < -MAX_INT64 - 1n || whole > MAX_INT64) return undefined;
      return String(whole);
    }
    case "float64":
      return floatConstant(value);
    case "decimal":
      return decimalConstant(type.precision, type.scale, value);
    case "date":
      return typeof value === "string" && isDate(value) ? value : undefined;
    case "timestamp":
      return timestampConstant(value);
    case "json":
      return jsonConstant(value);
  }
}

/**
 * The type that a constant has where nothing beside it says more; undefined for null and the rest.
 */
export function constantType(value: unknown): ColumnType | undefined {
  switch (typeof value) {
    case "boolean":
      return PLAIN_TYPES.boolean;
    case "string":
      return PLAIN_TYPES.text;
    case "number":
      if (!Number.isFinite(value)) return undefined;
      return Number.isSafeInteger(value) ? PLAIN_TYPES.int64 : PLAIN_TYPES.float64;
    case "bigint":
      if (value >= -MAX_INT64 - 1n && value <= MAX_INT64) return PLAIN_TYPES.int64;
      return decimalTypeOf(value);
    default:
      return value instanceof Date ? PLAIN_TYPES.timestamp : undefined;
  }
}

/** The narrowest decimal that holds a number or its text exactly; undefined where none does. */
export function decimalTypeOf(value: unknown): ColumnType | undefined {
  const match = DECIMAL.exec(numberText(value) ?? "");
  if (match === null) return undefined;
  const [, , whole = "", fraction = ""] = match;
  const wholeDigits = whole.replace(/^0+/, "").length;
  const scale = fraction.replace(/0+$/, "").length;
  const precision = Math.max(1, wholeDigits + scale);
  if (whole + fraction === "" || precision > MAX_DECIMAL_DIGITS) return undefined;
  return isDecimalShape(precision, scale) ? decimalType(precision, scale) : undefined;
}

/** How to write a constant of the type, for messages. */
export function constantExample(type: ColumnType): string {
  switch (type.kind) {
    case "boolean":
      return "true or false";
    case "text":
      return '"text"';
    case "int32":
      return "a whole number such as 42";
    case "int64":
      return 'a whole number such as 42, 42n or "9223372036854775807"';
    case "float64":
      return "a finite number such as 1.5";
    case "decimal":
      return `a number with at most ${type.scale} digits after the point, such as "12.5"`;
    case "date":
      return '"2026-01-31"';
    case "timestamp":
      return '"2026-01-31T09:00:00Z" (with Z or an offset) or a Date';
    case "json":
      return `a value that JSON can carry (${typeName(type)})`;
  }
}

function numberText(value: unknown): string | undefined {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return plainNumber(value);
  return typeof value === "string" ? value : undefined;
}

/** Without an exponent: `1e-7` is `0.0000001`. */
function plainNumber(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match;
  const exponent = Number(exponentText);
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === "string" && INTEGER.test(value) ? BigInt(value) : undefined;
}

function floatConstant(value: unknown): number | undefined {
  // -0 and 0 are one value here: nothing can tell them apart later.
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : undefined;
  if (typeof value !== "bigint") return undefined;
  const number = Number(value);
  return BigInt(number) === value ? number : undefined;
}

function decimalConstant(precision: number, scale: number, value: unknown): string | undefined {
  const match = DECIMAL.exec(numberText(value) ?? "");
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = ""] = match;
  const kept = fraction.replace(/0+$/, "");
  const digits = whole.replace(/^0+/, "");
  if (whole + fraction === "" || kept.length > scale) return undefined;
  if (digits.length > precision - scale) return undefined;
  const point = scale === 0 ? "" : `.${kept.padEnd(scale, "0")}`;
  const isZero = digits === "" && kept === "";
  return `${sign === "-" && !isZero ? "-" : ""}${digits === "" ? "0" : digits}${point}`;
}

function isDate(text: string): boolean {
  const match = DATE.exec(text);
  if (match === null || match[1] === "0000") return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** Canonical form: `YYYY-MM-DDTHH:MM:SS.ffffffZ`, years 1 to 9999. */
function timestampConstant(value: unknown): string | undefined {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? undefined : timestampConstant(value.toISOString());
  }
  const match = typeof value === "string" ? TIMESTAMP.exec(value) : null;
  if (match === null) return undefined;
  const [, day = "", minute = "", second = "00", fraction = "", offset = "Z"] = match;
  if (!isDate(day)) return undefined;
  const ms = Date.parse(`${day}T${minute}:${second}${offset}`);
  if (Number.isNaN(ms) || minute.startsWith("24")) return undefined;
  const text = new Date(ms).toISOString();
  if (text.length !== 24 || text.startsWith("0000")) return undefined;
  return `${text.slice(0, 19)}.${fraction.padEnd(6, "0")}Z`;
}

function jsonConstant(value: unknown): string | undefined {
  try {
    const text: unknown = JSON.stringify(value);
    return typeof text === "string" ? text : undefined;
  } catch {
    return undefined;
  }
}
