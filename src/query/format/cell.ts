/** Writes the values of a column as text, straight from DuckDB's memory. */
import {
  type ColumnVector,
  dateText,
  decimalReader,
  hugeReader,
  type NumberKind,
  numbersOf,
  timestampText,
} from "../../duckdb/duckdb.ts";
import { type Bytes } from "./bytes.ts";
import { writeText } from "./text.ts";

/**
 * How a format writes what is not a plain number or word. JSON quotes timestamps, decimals and
 * everything that its numbers cannot hold; CSV quotes only what has a comma, quote or line break.
 */
export type Dialect = "json" | "csv";

/** Writes the value in one row of the chunk that it was made for. */
export type CellWriter = (out: Bytes, row: number) => void;

const QUOTE = 0x22;
const SAFE_HIGH = 0x20_0000;

/** A writer for one vector. NULL is `null` in JSON and nothing in CSV. */
export function cellWriter(vector: ColumnVector, dialect: Dialect): CellWriter {
  const write = valueWriter(vector, dialect);
  if (vector.validity === null) return write;
  const isJson = dialect === "json";
  return (out, row) => {
    if (vector.isValid(row)) write(out, row);
    else if (isJson) out.ascii("null");
  };
}

function valueWriter(vector: ColumnVector, dialect: Dialect): CellWriter {
  const quoted = (write: CellWriter): CellWriter => (dialect === "json" ? inQuotes(write) : write);
  const { layout } = vector.column;
  switch (layout) {
    case "boolean":
      return booleans(vector);
    case "int8":
    case "int16":
    case "int32":
    case "uint8":
    case "uint16":
    case "uint32":
      return small(vector, layout);
    case "int64":
    case "uint64":
      return whole(vector, dialect);
    case "hugeint":
      return huge(vector, dialect);
    case "float32":
    case "float64":
      return floats(vector, layout, dialect);
    case "decimal":
      return quoted(decimals(vector));
    case "date":
      return quoted(dates(vector));
    case "timestamp":
      return quoted(timestamps(vector));
    case "blob":
      return quoted((out, row) => out.ascii(Buffer.from(vector.bytesAt(row)).toString("base64")));
    case "text":
      return (out, row) => writeText(out, vector, row, dialect);
    case "other":
      return others(vector, dialect);
  }
}

function inQuotes(write: CellWriter): CellWriter {
  return (out, row) => {
    out.byte(QUOTE);
    write(out, row);
    out.byte(QUOTE);
  };
}

function booleans(vector: ColumnVector): CellWriter {
  const { data } = vector;
  return (out, row) => out.ascii(data[row] === 0 ? "false" : "true");
}

function small(vector: ColumnVector, kind: NumberKind): CellWriter {
  const items = numbersOf(vector, kind);
  return (out, row) => out.integer(items[row] ?? 0);
}

/**
 * 64-bit integers as two halves: most are small, and a bigint for each would cost ten times as
 * much.
 */
function whole(vector: ColumnVector, dialect: Dialect): CellWriter {
  const halves = numbersOf(vector, "int32");
  const isSigned = vector.column.layout === "int64";
  return (out, row) => {
    const low = halves[row * 2] ?? 0;
    const high = halves[row * 2 + 1] ?? 0;
    if (high >= -SAFE_HIGH && high < SAFE_HIGH && (isSigned || high >= 0)) {
      out.integer(high * 0x1_0000_0000 + (low >>> 0));
    } else {
      const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
      bigText(out, isSigned ? value : BigInt.asUintN(64, value), dialect);
    }
  };
}

function huge(vector: ColumnVector, dialect: Dialect): CellWriter {
  const read = hugeReader(vector);
  return (out, row) => {
    const value = read(row);
    const isSafe = BigInt.asIntN(53, value) === value;
    if (isSafe) out.integer(Number(value));
    else bigText(out, value, dialect);
  };
}

/** JSON numbers beyond 2^53 would be rounded by most readers: they are text. */
function bigText(out: Bytes, value: bigint, dialect: Dialect): void {
  const quote = dialect === "json" ? '"' : "";
  out.ascii(`${quote}${value}${quote}`);
}

function floats(vector: ColumnVector, kind: NumberKind, dialect: Dialect): CellWriter {
  const items = numbersOf(vector, kind);
  return (out, row) => {
    const value = items[row] ?? 0;
    if (Number.isFinite(value)) out.double(value);
    else out.ascii(dialect === "json" ? `"${value}"` : String(value));
  };
}

function decimals(vector: ColumnVector): CellWriter {
  const read = decimalReader(vector);
  return (out, row) => out.ascii(read(row));
}

function dates(vector: ColumnVector): CellWriter {
  const items = numbersOf(vector, "int32");
  let last = Number.NaN;
  let text = "";
  return (out, row) => {
    const day = items[row] ?? 0;
    if (day !== last) text = dateText((last = day));
    out.ascii(text);
  };
}

const DAY_US = 86_400_000_000;
/** 0000-01-01 and 10000-01-01: between them a year has four digits and a double is exact. */
const FIRST_DAY = -719_528;
const LAST_DAY = 2_932_896;

function timestamps(vector: ColumnVector): CellWriter {
  const halves = numbersOf(vector, "int32");
  let lastDay = Number.NaN;
  let prefix = "";
  return (out, row) => {
    const low = (halves[row * 2] ?? 0) >>> 0;
    const high = halves[row * 2 + 1] ?? 0;
    const timeUs = high * 0x1_0000_0000 + low;
    const day = Math.floor(timeUs / DAY_US);
    // Beyond 2^53 µs (the year 2255) the sum of the halves is rounded.
    if (!Number.isSafeInteger(timeUs) || day < FIRST_DAY || day > LAST_DAY) {
      out.ascii(timestampText((BigInt(high) << 32n) | BigInt(low)));
      return;
    }
    if (day !== lastDay) prefix = `${dateText((lastDay = day))}T`;
    out.ascii(prefix);
    timeOfDay(out, timeUs - day * DAY_US);
  };
}

function timeOfDay(out: Bytes, sinceMidnightUs: number): void {
  const seconds = Math.floor(sinceMidnightUs / 1_000_000);
  out.padded((seconds / 3600) | 0, 2);
  out.byte(0x3a);
  out.padded(((seconds / 60) | 0) % 60, 2);
  out.byte(0x3a);
  out.padded(seconds % 60, 2);
  out.byte(0x2e);
  out.padded(sinceMidnightUs - seconds * 1_000_000, 6);
  out.byte(0x5a);
}

/** Lists, structs, intervals and the rest, one by one. */
function others(vector: ColumnVector, dialect: Dialect): CellWriter {
  return (out, row) => {
    const value = vector.portableAt(row);
    if (dialect === "json") out.text(JSON.stringify(value));
    else writeText(out, typeof value === "string" ? value : JSON.stringify(value), 0, dialect);
  };
}
