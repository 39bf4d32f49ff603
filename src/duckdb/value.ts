/** What a DuckDB value is in JavaScript: one mapping for our own reads, one for the outside. */
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBUnionValue,
  DuckDBVariantValue,
} from "@duckdb/node-api";

/**
 * | DuckDB | here |
 * | --- | --- |
 * | BOOLEAN | boolean |
 * | TINYINT to INTEGER, unsigned too; FLOAT, DOUBLE | number |
 * | BIGINT, UBIGINT, HUGEINT, UHUGEINT, BIGNUM | bigint (so `count(*)` and `sum(INTEGER)` are) |
 * | DECIMAL | string, all digits of its scale |
 * | VARCHAR, JSON, ENUM, UUID, INTERVAL, BIT, TIME WITH TIME ZONE | string |
 * | BLOB | Uint8Array, a copy |
 * | DATE | number of days since 1970-01-01 |
 * | TIME | bigint, microseconds since midnight |
 * | TIMESTAMP, TIMESTAMPTZ, TIMESTAMP_S, TIMESTAMP_MS | bigint, microseconds since the epoch, UTC |
 * | TIMESTAMP_NS | bigint, nanoseconds since the epoch |
 * | LIST, ARRAY | array; STRUCT: object; MAP: array of `{ key, value }`; UNION: its value |
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [name: string]: Value };

type Convert = (value: unknown) => Value;

/** Lists, structs, maps, unions with their parts converted; undefined for anything else. */
function nested(value: unknown, convert: Convert): Value | undefined {
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) {
    return value.items.map(convert);
  }
  if (value instanceof DuckDBStructValue) {
    const names = Object.entries(value.entries);
    return Object.fromEntries(names.map(([name, part]) => [name, convert(part)]));
  }
  if (value instanceof DuckDBMapValue) {
    return value.entries.map((entry) => ({
      key: convert(entry.key),
      value: convert(entry.value),
    }));
  }
  if (value instanceof DuckDBUnionValue || value instanceof DuckDBVariantValue) {
    return convert(value.value);
  }
  return undefined;
}

export function plainValue(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (isPrimitive(value)) return value;
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) {
    return value.micros;
  }
  if (value instanceof DuckDBDateValue) return value.days;
  if (value instanceof DuckDBBlobValue) return Uint8Array.from(value.bytes);
  if (value instanceof DuckDBTimeValue) return value.micros;
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis * 1000n;
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds * 1_000_000n;
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.nanos;
  return nested(value, plainValue) ?? duckdbText(value);
}

/**
 * The same for readers that know no DuckDB: only what JSON has. Integers beyond 2^53 and decimals
 * are text, timestamps ISO 8601 in UTC, other times DuckDB's own text, bytes base64, NaN and the
 * infinities text.
 */
export function portableValue(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return integerValue(value);
  if (isPrimitive(value)) return value;
  if (value instanceof DuckDBDecimalValue) return value.toString();
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) {
    return timestampText(value.micros);
  }
  if (value instanceof DuckDBDateValue) return dateText(value.days);
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString("base64");
  return nested(value, portableValue) ?? duckdbText(value);
}

function isPrimitive(value: unknown): value is boolean | number | bigint | string {
  return ["boolean", "number", "bigint", "string"].includes(typeof value);
}

/** Intervals, UUIDs and the like write themselves as DuckDB would. */
function duckdbText(value: unknown): string {
  return (value as { toString(): string }).toString();
}

function integerValue(value: bigint): Value {
  const isSafe = value >= -9_007_199_254_740_991n && value <= 9_007_199_254_740_991n;
  return isSafe ? Number(value) : value.toString();
}

const INFINITE_US = 9_223_372_036_854_775_807n;
/** JavaScript's own dates end here, in both directions. */
const DATE_LIMIT_US = 8_640_000_000_000_000_000n;

/**
 * ISO 8601 with microseconds and `Z`: `2026-01-02T03:04:05.000006Z`. Years outside 0–9999 have a
 * sign and six digits; `infinity` and `-infinity` as in SQL.
 */
export function timestampText(us: bigint): string {
  if (us === INFINITE_US) return "infinity";
  if (us === -INFINITE_US) return "-infinity";
  if (us > DATE_LIMIT_US || us < -DATE_LIMIT_US) return new DuckDBTimestampValue(us).toString();
  const fraction = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const second = new Date(Number((us - fraction) / 1000n)).toISOString();
  return `${second.slice(0, -4)}${fraction.toString().padStart(6, "0")}Z`;
}

/** `2026-01-02`; `infinity` and `-infinity` as in SQL. */
export function dateText(days: number): string {
  if (days === 2_147_483_647) return "infinity";
  if (days === -2_147_483_647) return "-infinity";
  const ms = days * 86_400_000;
  if (Math.abs(ms) > 8.64e15) return new DuckDBDateValue(days).toString();
  const text = new Date(ms).toISOString();
  return text.slice(0, text.indexOf("T"));
}
