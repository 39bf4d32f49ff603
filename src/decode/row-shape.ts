/** What both byte scanners must know of a dataset's columns, laid out for a hot loop. */
import { type ColumnPlan, type DatasetPlan } from "../plan/plan.ts";
import { isPlainInteger, isPlainNumber, plainDate, plainTimestamp } from "./plain-value.ts";

/**
 * True where DuckDB's reader and this project mean the same by these bytes (text in quotes
 * excepted).
 */
export type PlainCheck = (bytes: Uint8Array, start: number, end: number) => boolean;

export interface RowShape {
  readonly columns: readonly ColumnPlan[];
  readonly keys: readonly Uint8Array[];
  /** One check a column, for an unquoted number or a quoted timestamp or date. */
  readonly checks: readonly PlainCheck[];
  /**
   * Bit set of the columns that a row must have; columns beyond 30 are checked in the exact lane.
   */
  readonly requiredIndexes: readonly number[];
  readonly eventTimeIndex: number;
}

export function rowShape(dataset: DatasetPlan): RowShape {
  return {
    columns: dataset.columns,
    keys: dataset.columns.map((column) => Buffer.from(column.name)),
    checks: dataset.columns.map(plainCheck),
    requiredIndexes: dataset.columns.flatMap((column, index) =>
      isRequired(column) ? [index] : [],
    ),
    eventTimeIndex: dataset.columns.findIndex((column) => column.name === dataset.eventTime),
  };
}

export function isRequired(column: ColumnPlan): boolean {
  return !column.nullable && column.default === undefined;
}

/**
 * Longest number that a double surely holds without overflow, and DuckDB reads without an exponent.
 */
const MAX_FLOAT_DIGITS = 40;
/**
 * Any decimal of so many digits survives the way through a double that DuckDB's JSON reader takes.
 */
const MAX_DOUBLE_SAFE_DIGITS = 15;

function plainCheck(column: ColumnPlan): PlainCheck {
  const { type } = column;
  switch (type.kind) {
    case "int32":
      return (bytes, start, end) => isPlainInteger(bytes, start, end, 9);
    case "int64":
      return (bytes, start, end) => isPlainInteger(bytes, start, end, 18);
    case "float64":
      return (bytes, start, end) =>
        isPlainNumber(bytes, start, end, MAX_FLOAT_DIGITS, MAX_FLOAT_DIGITS, MAX_FLOAT_DIGITS);
    case "decimal":
      return (bytes, start, end) =>
        isPlainNumber(
          bytes,
          start,
          end,
          Math.max(1, type.precision - type.scale),
          type.scale,
          Math.min(type.precision, MAX_DOUBLE_SAFE_DIGITS),
        );
    case "timestamp": {
      const zoneless = column.zone === "UTC";
      return (bytes, start, end) => !Number.isNaN(plainTimestamp(bytes, start, end, zoneless));
    }
    case "date":
      return (bytes, start, end) => end - start === 10 && !Number.isNaN(plainDate(bytes, start));
    case "boolean":
    case "text":
    case "json":
      return () => false;
  }
}
