/** What column types are called, and which type two of them have in common. */
import { type ColumnType } from "./plan.ts";

type PlainKind = Exclude<ColumnType["kind"], "decimal">;

export const PLAIN_TYPES: Readonly<Record<PlainKind, ColumnType>> = {
  boolean: { kind: "boolean" },
  int32: { kind: "int32" },
  int64: { kind: "int64" },
  float64: { kind: "float64" },
  text: { kind: "text" },
  timestamp: { kind: "timestamp" },
  date: { kind: "date" },
  json: { kind: "json" },
};

export const MAX_DECIMAL_DIGITS = 38;
/** Digits of the largest int32 and int64: integers meet decimals as such decimals. */
const INTEGER_DIGITS = { int32: 10, int64: 19 } as const;

/** `precision` is cut at 38 digits: a value that then does not fit is null. */
export function decimalType(precision: number, scale: number): ColumnType {
  return { kind: "decimal", precision: Math.min(MAX_DECIMAL_DIGITS, precision), scale };
}

/** As users write it: `decimal(18, 4)`, `int64`. */
export function typeName(type: ColumnType): string {
  return type.kind === "decimal" ? `decimal(${type.precision}, ${type.scale})` : type.kind;
}

export function parseTypeName(text: string): ColumnType | undefined {
  const match = /^decimal\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$/.exec(text);
  if (match !== null) {
    const precision = Number(match[1]);
    const scale = Number(match[2] ?? 0);
    return isDecimalShape(precision, scale) ? { kind: "decimal", precision, scale } : undefined;
  }
  return Object.hasOwn(PLAIN_TYPES, text) ? PLAIN_TYPES[text as PlainKind] : undefined;
}

export function isDecimalShape(precision: unknown, scale: unknown): boolean {
  return (
    Number.isInteger(precision) &&
    Number.isInteger(scale) &&
    (precision as number) >= 1 &&
    (precision as number) <= MAX_DECIMAL_DIGITS &&
    (scale as number) >= 0 &&
    (scale as number) <= (precision as number)
  );
}

export function isSameType(a: ColumnType, b: ColumnType): boolean {
  return typeName(a) === typeName(b);
}

export function isInteger(type: ColumnType): boolean {
  return type.kind === "int32" || type.kind === "int64";
}

export function isNumeric(type: ColumnType): boolean {
  return isInteger(type) || type.kind === "float64" || type.kind === "decimal";
}

/** Digits in all and after the point; undefined for what is neither integer nor decimal. */
export function decimalShape(type: ColumnType): { precision: number; scale: number } | undefined {
  if (type.kind === "decimal") return { precision: type.precision, scale: type.scale };
  if (type.kind !== "int32" && type.kind !== "int64") return undefined;
  return { precision: INTEGER_DIGITS[type.kind], scale: 0 };
}

/**
 * The type that both turn into where they meet: equal types stay; of numbers the one that holds
 * more (a float64 wins over everything); undefined where they have nothing in common.
 */
export function commonType(a: ColumnType, b: ColumnType): ColumnType | undefined {
  if (isSameType(a, b)) return a;
  if (!isNumeric(a) || !isNumeric(b)) return undefined;
  if (a.kind === "float64" || b.kind === "float64") return PLAIN_TYPES.float64;
  if (isInteger(a) && isInteger(b)) return PLAIN_TYPES.int64;
  const left = decimalShape(a);
  const right = decimalShape(b);
  if (left === undefined || right === undefined) return undefined;
  const scale = Math.max(left.scale, right.scale);
  const whole = Math.max(left.precision - left.scale, right.precision - right.scale);
  return decimalType(whole + scale, scale);
}
