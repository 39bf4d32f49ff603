/** Evaluates aggregates over a list of rows. */
import { type Aggregate, type Expression } from "../../src/plan/expression.ts";
import { type ColumnType } from "../../src/plan/plan.ts";
import { decimalToFloat } from "./cast.ts";
import { evaluate, evaluateCall } from "./expression.ts";
import {
  compare,
  constantValue,
  decimalText,
  fits,
  identity,
  type Decimal,
  type StoredRow,
  type Value,
} from "./value.ts";

export function aggregateRows(aggregate: Aggregate, rows: readonly StoredRow[]): Value {
  switch (aggregate.kind) {
    case "constant":
      return constantValue(aggregate.value, aggregate.type);
    case "call":
      return evaluateCall(
        aggregate as Extract<Expression, { readonly kind: "call" }>,
        aggregate.arguments.map((one) => aggregateRows(one, rows)),
      );
    case "aggregate":
      return baseAggregate(aggregate, rows);
  }
}

type Base = Extract<Aggregate, { readonly kind: "aggregate" }>;

function baseAggregate(aggregate: Base, rows: readonly StoredRow[]): Value {
  const { function: name, argument, where, type } = aggregate;
  const seen = rows.filter((one) => where === null || evaluate(where, one.row) === true);
  if (argument === null) return BigInt(seen.length);
  const valued = seen
    .map((one) => ({ ...one, value: evaluate(argument, one.row) }))
    .filter((one) => one.value !== null);
  const values = valued.map((one) => one.value);
  if (name === "count") return BigInt(values.length);
  // Exact for a few values; the random rows have no more.
  if (name === "countDistinct" || name === "approxCountDistinct")
    return BigInt(new Set(values.map(identity)).size);
  if (values.length === 0) return null;
  switch (name) {
    case "sum":
      return sum(valued, type);
    case "avg": {
      const total = sum(valued, null);
      return total === null ? null : Number(total) / values.length;
    }
    case "min":
      return values.reduce((a, b) => (compare(b, a) < 0 ? b : a));
    case "max":
      return values.reduce((a, b) => (compare(b, a) > 0 ? b : a));
    case "quantile":
      return quantile(values.map(numberOf), aggregate.probability ?? 0);
    case "approxQuantile":
      return nearest(values.map(numberOf).map(threeDigits), aggregate.probability ?? 0);
    case "top":
      return topRows(aggregate, valued);
    case "first":
    case "last": {
      const sorted = [...valued].sort((a, b) =>
        a.eventTimeUs === b.eventTimeUs ? a.seq - b.seq : a.eventTimeUs < b.eventTimeUs ? -1 : 1,
      );
      return (name === "first" ? sorted[0] : sorted.at(-1))?.value ?? null;
    }
  }
}

function numberOf(value: Value): number {
  return typeof value === "object" && value !== null ? decimalToFloat(value) : Number(value);
}

function quantile(values: readonly number[], probability: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * probability;
  const low = sorted[Math.floor(place)] ?? 0;
  const high = sorted[Math.ceil(place)] ?? 0;
  const share = place - Math.floor(place);
  return low * (1 - share) + high * share;
}

function nearest(values: readonly number[], probability: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(probability * sorted.length)) - 1] ?? null;
}

function threeDigits(value: number): number {
  const size = Math.abs(value);
  if (size === 0 || size > 1e300) return size === 0 ? 0 : value;
  const digits = 2 - Number(size.toExponential().split("e")[1]);
  const power = Number(`1e${Math.abs(digits)}`);
  const rounded = digits < 0 ? Math.round(size / power) * power : Math.round(size * power) / power;
  return Number.isFinite(rounded) ? Math.sign(value) * rounded : value;
}

/** The greatest values first; of equal ones the row that is earlier. */
function topRows(
  { argument, top }: Base,
  rows: readonly (StoredRow & { readonly value: Value })[],
): string {
  const sorted = rows.toSorted((a, b) => {
    const order = compare(b.value, a.value);
    if (order !== 0) return order;
    if (a.eventTimeUs !== b.eventTimeUs) return a.eventTimeUs < b.eventTimeUs ? -1 : 1;
    return a.seq - b.seq;
  });
  const shown = sorted.slice(0, top?.n).map(({ value, row }, index) => ({
    rank: index + 1,
    value: json(value, argument?.type),
    ...Object.fromEntries(
      (top?.columns ?? []).map(({ name, type }) => [name, json(row[name] ?? null, type)]),
    ),
  }));
  return JSON.stringify(shown);
}

function json(value: Value, type: ColumnType | undefined): unknown {
  if (typeof value === "object" && value !== null) return decimalText(value);
  if (typeof value !== "bigint") return value;
  if (type?.kind === "timestamp") {
    const seconds = new Date(Number(value / 1_000_000n) * 1000).toISOString().slice(0, 19);
    return `${seconds}.${String(value % 1_000_000n).padStart(6, "0")}Z`;
  }
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

/** Without a type: as a number, for the mean. */
function sum(
  rows: readonly { readonly value: Value; readonly seq: number }[],
  type: Aggregate["type"] | null,
): Value {
  const first = rows[0]?.value ?? null;
  if (typeof first === "number") return floatSum(rows as readonly { value: number; seq: number }[]);
  if (typeof first === "bigint") {
    const total = rows.reduce((all, one) => all + (one.value as bigint), 0n);
    if (type === null) return Number(total);
    return BigInt.asIntN(64, total) === total ? total : null;
  }
  const { scale } = first as Decimal;
  const units = rows.reduce((all, one) => all + (one.value as Decimal).units, 0n);
  const total = fits({ units, scale }, 38);
  // As a cast would: a mean over one row is that row, to the last digit.
  return type === null && total !== null ? decimalToFloat(total) : total;
}

const USUAL_UNITS = 2n ** 83n;

/** Values between 2^-30 and 2^43 are added exactly; the others as floats, in order of position. */
function floatSum(
  rows: readonly { readonly value: number; readonly seq: number }[],
): number | null {
  let usual = 0n;
  let others = 0;
  for (const { value } of [...rows].sort((a, b) => a.seq - b.seq)) {
    const size = Math.abs(value);
    if (size >= 2 ** -30 && size < 2 ** 43) usual += floatUnits(value);
    else others += value;
  }
  const total = ratio(usual, USUAL_UNITS) + others;
  return Number.isFinite(total) ? total : null;
}

function floatUnits(value: number): bigint {
  const whole = Math.trunc(value);
  return BigInt(whole) * USUAL_UNITS + BigInt((value - whole) * 2 ** 83);
}

/** The quotient to more digits than a number has. */
function ratio(units: bigint, by: bigint): number {
  const whole = units / by;
  const size = whole < 0n ? -whole : whole;
  // Large ones have no digits left for a fraction.
  if (size >= 2n ** 60n) return Number(whole);
  return Number((units * 2n ** 200n) / by) / 2 ** 200;
}
