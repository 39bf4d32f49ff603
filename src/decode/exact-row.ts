/**
 * One row in the exact lane: its canonical values in column order, or the first thing wrong with
 * it.
 */
import { type ColumnPlan } from "../plan/plan.ts";
import { exactValue } from "./exact-value.ts";
import { type Token } from "./token.ts";
import { isRequired, type RowShape } from "./row-shape.ts";

export type ExactRow =
  | {
      readonly kind: "row";
      readonly values: readonly (string | null)[];
      readonly eventTimeUs: number;
    }
  | { readonly kind: "problem"; readonly reason: string };

export interface ExactRowOptions {
  readonly lenientText: boolean;
  readonly maxEventTimeUs: number;
}

/** `members` may repeat names and hold unknown ones: both are problems. */
export function exactRow(
  shape: RowShape,
  members: readonly (readonly [string, Token])[],
  options: ExactRowOptions,
): ExactRow {
  const indexes = indexOfColumns(shape);
  const values: (string | null)[] = shape.columns.map(() => null);
  const seen = new Set<string>();
  for (const [name, token] of members) {
    const index = indexes.get(name);
    const column = index === undefined ? undefined : shape.columns[index];
    if (index === undefined || column === undefined) return unknownColumn(shape, name);
    if (seen.has(name)) return { kind: "problem", reason: `column ${name} comes twice` };
    seen.add(name);
    const exact = exactValue(column, token, options.lenientText);
    if (exact.kind === "problem") return { kind: "problem", reason: `${name}: ${exact.reason}` };
    values[index] = exact.kind === "null" ? null : exact.text;
  }
  return checkRow(shape, values, options.maxEventTimeUs);
}

function checkRow(shape: RowShape, values: (string | null)[], maxEventTimeUs: number): ExactRow {
  for (const index of shape.requiredIndexes) {
    if (values[index] !== null) continue;
    return { kind: "problem", reason: `column ${shape.columns[index]?.name} is missing or null` };
  }
  const eventTime = values[shape.eventTimeIndex];
  const eventTimeUs =
    eventTime === null || eventTime === undefined ? 0 : canonicalTimeUs(eventTime);
  if (eventTimeUs > maxEventTimeUs) {
    const name = shape.columns[shape.eventTimeIndex]?.name;
    return {
      kind: "problem",
      reason: `${name}: ${eventTime} is further in the future than maxFutureSkew allows`,
    };
  }
  return { kind: "row", values, eventTimeUs };
}

function canonicalTimeUs(text: string): number {
  return Date.parse(`${text.slice(0, 23)}Z`) * 1000 + Number(text.slice(23, 26));
}

const indexCache = new WeakMap<RowShape, ReadonlyMap<string, number>>();

function indexOfColumns(shape: RowShape): ReadonlyMap<string, number> {
  let indexes = indexCache.get(shape);
  if (indexes === undefined) {
    indexes = new Map(shape.columns.map((column, index) => [column.name, index]));
    indexCache.set(shape, indexes);
  }
  return indexes;
}

function unknownColumn(shape: RowShape, name: string): ExactRow {
  const clipped = name.length <= 60 ? name : `${name.slice(0, 57)}…`;
  const known = shape.columns.map((column) => column.name);
  const shown = known.length <= 12 ? known.join(", ") : `${known.slice(0, 12).join(", ")}, …`;
  return { kind: "problem", reason: `unknown column ${JSON.stringify(clipped)} (known: ${shown})` };
}

/** A canonical value as it stands in a line of NDJSON. */
export function canonicalJson(column: ColumnPlan, text: string): string {
  switch (column.type.kind) {
    case "boolean":
    case "json":
    case "int32":
    case "int64":
    case "float64":
      return text;
    default:
      // A decimal goes as text, so that nobody on the way takes it for a double.
      return JSON.stringify(text);
  }
}

export function requiredNames(columns: readonly ColumnPlan[]): readonly string[] {
  return columns.filter(isRequired).map((column) => column.name);
}
