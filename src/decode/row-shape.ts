/** What the byte scanners must know of a dataset's columns, laid out for a hot loop. */
import { type ColumnPlan, type DatasetPlan } from "../plan/plan.ts";
import { exactValue } from "./exact-value.ts";
import { BYTE, plainDate, plainFloat, plainInteger, plainUnits } from "./plain-value.ts";
import { type RowColumn } from "./row-columns.ts";

export interface RowShape {
  readonly columns: readonly ColumnPlan[];
  readonly keys: readonly Uint8Array[];
  /** One a column: for a number, or what stands between the quotes of a date. */
  readonly readers: readonly PlainReader[];
  /** Columns that a row must have. */
  readonly requiredIndexes: readonly number[];
  /** Columns that a row may leave out. */
  readonly optionalIndexes: readonly number[];
  /** Canonical texts of the values for what a row leaves out; null: no value. */
  readonly defaults: readonly (string | null)[];
  readonly eventTimeIndex: number;
}

/**
 * Writes the value of these bytes into a row when its meaning is beyond doubt; false sends the row
 * to the exact lane.
 */
export type PlainReader = (
  into: RowColumn,
  row: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => boolean;

export function rowShape(dataset: DatasetPlan): RowShape {
  const indexes = dataset.columns.map((_, index) => index);
  const isNeeded = (index: number): boolean => isRequired(dataset.columns[index] as ColumnPlan);
  return {
    columns: dataset.columns,
    keys: dataset.columns.map((column) => Buffer.from(column.name)),
    readers: dataset.columns.map(plainReader),
    requiredIndexes: indexes.filter(isNeeded),
    optionalIndexes: indexes.filter((index) => !isNeeded(index)),
    defaults: dataset.columns.map(defaultText),
    eventTimeIndex: dataset.columns.findIndex((column) => column.name === dataset.eventTime),
  };
}

export function isRequired(column: ColumnPlan): boolean {
  return !column.nullable && column.default === undefined && column.received !== true;
}

function defaultText(column: ColumnPlan): string | null {
  if (column.default === undefined) return null;
  const exact = exactValue(column, { kind: "text", raw: String(column.default) }, true);
  if (exact.kind === "value") return exact.text;
  throw new Error(`the plan's default of ${column.name} is no value of it`);
}

function plainReader(column: ColumnPlan): PlainReader {
  const { type } = column;
  switch (type.kind) {
    case "int32":
      return (into, row, bytes, start, end) => {
        const value = plainInteger(bytes, start, end);
        if (value !== (value | 0)) return false;
        into.setInt32(row, value);
        return true;
      };
    case "int64":
      return (into, row, bytes, start, end) => {
        const value = plainInteger(bytes, start, end);
        if (Number.isNaN(value)) return readLongInteger(into, row, bytes, start, end);
        into.setInt64(row, value);
        return true;
      };
    case "float64":
      return (into, row, bytes, start, end) => {
        const value = plainFloat(bytes, start, end);
        if (Number.isNaN(value)) return false;
        into.setFloat64(row, value);
        return true;
      };
    case "decimal": {
      const { precision, scale } = type;
      return (into, row, bytes, start, end) => {
        const units = plainUnits(bytes, start, end, scale, precision);
        if (Number.isNaN(units)) return false;
        into.setUnits(row, units);
        return true;
      };
    }
    case "date":
      return (into, row, bytes, start, end) => {
        const days = end - start === 10 ? plainDate(bytes, start) : Number.NaN;
        if (Number.isNaN(days)) return false;
        into.setInt32(row, days);
        return true;
      };
    case "timestamp":
    case "boolean":
    case "text":
    case "json":
      return () => false;
  }
}

/** 16 to 18 digits: beyond a double, and as long as many an id. */
function readLongInteger(
  into: RowColumn,
  row: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const isNegative = bytes[start] === BYTE.MINUS;
  const first = isNegative ? start + 1 : start;
  const digits = end - first;
  if (digits < 16 || digits > 18) return false;
  const high = plainInteger(bytes, first, end - 9);
  let low = 0;
  for (let at = end - 9; at < end; at++) {
    const digit = (bytes[at] as number) - BYTE.ZERO;
    if (digit < 0 || digit > 9) return false;
    low = low * 10 + digit;
  }
  if (Number.isNaN(high) || high < 0) return false;
  const value = BigInt(high) * 1_000_000_000n + BigInt(low);
  into.setBigInt(row, isNegative ? -value : value);
  return true;
}
