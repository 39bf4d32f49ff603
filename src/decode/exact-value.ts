/**
 * The exact lane: takes one value in any legal form and gives its one canonical text, or says why
 * not. Slow next to the scanners, and the only place that decides what a column accepts.
 */
import { type ColumnPlan, type ColumnType } from "../plan/plan.ts";
import { exactDate, exactTimestamp } from "./exact-time.ts";
import { compactJson, withoutLoneSurrogates } from "./json-line.ts";
import { clip, describe, type Exact, type Token } from "./token.ts";

const problem = (reason: string): Exact => ({ kind: "problem", reason });
const value = (text: string): Exact => ({ kind: "value", text });

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
/** No number of a body needs more text than this; longer ones only cost time. */
const MAX_NUMBER_LENGTH = 400;

/** `lenientText`: numbers and booleans may come as text, as they do in CSV. */
export function exactValue(column: ColumnPlan, token: Token, lenientText: boolean): Exact {
  if (token.kind === "null") return { kind: "null" };
  const { type } = column;
  switch (type.kind) {
    case "text":
      if (token.kind !== "text") return problem(`expected text, found ${describe(token)}`);
      return value(wellFormed(token.raw));
    case "json":
      return exactJson(token, lenientText);
    case "timestamp":
      return exactTimestamp(column, token);
    case "date":
      return exactDate(token);
    case "boolean":
      return exactBoolean(token, lenientText);
    default:
      return exactNumber(type, token, lenientText);
  }
}

function exactJson(token: Token, lenientText: boolean): Exact {
  if (!lenientText) {
    return value(canonicalJson(token.kind === "text" ? JSON.stringify(token.raw) : token.raw));
  }
  try {
    JSON.parse(token.raw);
    return value(canonicalJson(token.raw));
  } catch {
    return problem(`expected JSON, found ${describe(token)}`);
  }
}

function canonicalJson(text: string): string {
  return compactJson(withoutLoneSurrogates(text));
}

function exactBoolean(token: Token, lenientText: boolean): Exact {
  const text = token.raw.trim().toLowerCase();
  const isWord = text === "true" || text === "false";
  if (isWord && (token.kind === "boolean" || (lenientText && token.kind === "text")))
    return value(text);
  return problem(`expected true or false, found ${describe(token)}`);
}

function exactNumber(type: ColumnType, token: Token, lenientText: boolean): Exact {
  // Answers give integers beyond 2^53 and decimals as text, so that they can be sent back as they
  // are.
  const takesText = lenientText || type.kind === "int64" || type.kind === "decimal";
  const isNumber = token.kind === "number" || (takesText && token.kind === "text");
  const text = token.raw.trim();
  const found = describe(token);
  if (!isNumber || !NUMBER.test(text)) return problem(`expected ${nameOf(type)}, found ${found}`);
  if (text.length > MAX_NUMBER_LENGTH) return problem(`number of ${text.length} characters`);
  switch (type.kind) {
    case "int32":
      return exactInteger(text, -(2n ** 31n), 2n ** 31n - 1n, nameOf(type), found);
    case "int64":
      return exactInteger(text, -(2n ** 63n), 2n ** 63n - 1n, nameOf(type), found);
    case "decimal":
      return exactDecimal(text, type.precision, type.scale);
    default: {
      const number = Number(text);
      if (!Number.isFinite(number)) return problem(`${found} is beyond float64`);
      return value(Object.is(number, -0) ? "-0.0" : String(number));
    }
  }
}

function exactInteger(text: string, min: bigint, max: bigint, name: string, found: string): Exact {
  const scaled = INTEGER.test(text)
    ? { units: BigInt(text), isExact: true }
    : scaleDecimal(text, 0);
  if (scaled === undefined || !scaled.isExact) return problem(`expected ${name}, found ${found}`);
  if (scaled.units < min || scaled.units > max) return problem(`${found} is beyond ${name}`);
  return value(String(scaled.units));
}

/** Rounds half away from zero to the declared scale, as PostgreSQL does. */
function exactDecimal(text: string, precision: number, scale: number): Exact {
  const scaled = scaleDecimal(text, scale);
  const limit = 10n ** BigInt(precision);
  if (scaled === undefined || scaled.units >= limit || scaled.units <= -limit) {
    return problem(`number ${clip(text)} is beyond decimal(${precision}, ${scale})`);
  }
  const isNegative = scaled.units < 0n;
  const digits = String(isNegative ? -scaled.units : scaled.units).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale === 0 ? "" : `.${digits.slice(digits.length - scale)}`;
  return value(`${isNegative ? "-" : ""}${whole}${fraction}`);
}

/** `text` times 10^scale; undefined where the exponent is absurd. */
function scaleDecimal(
  text: string,
  scale: number,
): { units: bigint; isExact: boolean } | undefined {
  const [mantissa = "", exponentText = "0"] = text.toLowerCase().split("e");
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > MAX_NUMBER_LENGTH) return undefined;
  const isNegative = mantissa.startsWith("-");
  const [whole = "", fraction = ""] = mantissa.replace(/^[+-]/, "").split(".");
  const shift = exponent + scale - fraction.length;
  let units = BigInt(`${whole}${fraction}` || "0");
  let isExact = true;
  if (shift >= 0) {
    units *= 10n ** BigInt(shift);
  } else {
    const divisor = 10n ** BigInt(-shift);
    const rest = units % divisor;
    units /= divisor;
    isExact = rest === 0n;
    if (rest * 2n >= divisor) units += 1n;
  }
  return { units: isNegative ? -units : units, isExact };
}

export function nameOf(type: ColumnType): string {
  return type.kind === "decimal" ? `decimal(${type.precision}, ${type.scale})` : type.kind;
}

/** A lone surrogate has no UTF-8: it becomes U+FFFD, as everywhere on the web. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
