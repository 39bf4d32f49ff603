/** One tag or field as the JSON that goes into a staged row. */
import { type ColumnPlan } from "../../plan/plan.ts";
import { canonicalJson } from "../exact-row.ts";
import { exactValue } from "../exact-value.ts";
import { type Token } from "../token.ts";
import { fromBytes, toBytes } from "./layout.ts";
import { type Member, MEMBER, unescapeName, unescapeString } from "./record.ts";

/** Longest integer whose every value fits an int32. */
const INT32_DIGITS = 9;

export type LineValue =
  /** As bytes. */
  | { readonly kind: "json"; readonly json: string }
  | { readonly kind: "problem"; readonly reason: string };

/**
 * The usual case, straight from the bytes; undefined where `exactLineValue` has to decide. Meaning
 * is never decided here: what is plain is plain for any column of that type.
 */
export function plainLineValue(
  column: ColumnPlan,
  text: string,
  member: Member,
): string | undefined {
  if (!member.isPlain) return undefined;
  const { kind, valueStart, valueEnd } = member;
  switch (column.type.kind) {
    case "text":
      if (kind !== MEMBER.tag && kind !== MEMBER.string) return undefined;
      return `"${text.slice(valueStart, valueEnd)}"`;
    case "float64":
      if (kind !== MEMBER.float && kind !== MEMBER.integer) return undefined;
      return text.slice(valueStart, valueEnd);
    case "int64":
      return kind === MEMBER.integer ? text.slice(valueStart, valueEnd) : undefined;
    case "int32":
      if (kind !== MEMBER.integer || valueEnd - valueStart > INT32_DIGITS) return undefined;
      return text.slice(valueStart, valueEnd);
    case "boolean":
      if (kind === MEMBER.true) return "true";
      return kind === MEMBER.false ? "false" : undefined;
    default:
      return undefined;
  }
}

/** Any legal form, by the rules of every other format; or why the column does not take it. */
export function exactLineValue(column: ColumnPlan, text: string, member: Member): LineValue {
  // Tags have no types of their own: like a CSV field, one may be a number or a boolean.
  const exact = exactValue(column, tokenOf(text, member), member.kind === MEMBER.tag);
  if (exact.kind === "problem") return { kind: "problem", reason: exact.reason };
  const json = exact.kind === "null" ? "null" : canonicalJson(column, exact.text);
  return { kind: "json", json: toBytes(json) };
}

/** For the `rest` column: the value with the type that the protocol gives it. */
export function looseLineValue(text: string, member: Member): string {
  const { kind, raw } = tokenOf(text, member);
  if (kind === "text") return JSON.stringify(raw);
  return kind === "boolean" || member.isPlain ? raw : jsonNumber(raw);
}

/** `1.`, `.5` and `007` are numbers of the protocol, but not of JSON. */
function jsonNumber(raw: string): string {
  const number = Number(raw);
  if (/^-?\d+$/.test(raw)) return String(BigInt(raw));
  return Number.isFinite(number) ? String(number) : JSON.stringify(raw);
}

function tokenOf(text: string, member: Member): Token {
  const raw = text.slice(member.valueStart, member.valueEnd);
  switch (member.kind) {
    case MEMBER.tag:
      return { kind: "text", raw: fromBytes(unescapeName(raw, "tag")) };
    case MEMBER.string:
      return { kind: "text", raw: fromBytes(unescapeString(raw)) };
    case MEMBER.true:
      return { kind: "boolean", raw: "true" };
    case MEMBER.false:
      return { kind: "boolean", raw: "false" };
    default:
      return { kind: "number", raw };
  }
}
