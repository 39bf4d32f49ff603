/** The rows of one or more bodies, typed, column by column, in the layout that DuckDB copies. */
import { type ColumnData, type ColumnVector, MAX_INLINE_TEXT_BYTES } from "../duckdb/duckdb.ts";
import { type ColumnPlan, type ColumnType } from "../plan/plan.ts";
import { daysSinceEpoch } from "./plain-value.ts";

const FIRST_CAPACITY = 64;
const TWO_TO_32 = 4_294_967_296;

/** Bytes of a value; what DuckDB calls the physical type. */
function widthOf(type: ColumnType): number {
  switch (type.kind) {
    case "boolean":
      return 1;
    case "int32":
    case "date":
      return 4;
    case "int64":
    case "float64":
    case "timestamp":
      return 8;
    case "text":
    case "json":
      return 16;
    case "decimal":
      return type.precision <= 4 ? 2 : type.precision <= 9 ? 4 : type.precision <= 18 ? 8 : 16;
  }
}

/** One growing column. All kinds share one class, so that the loops over them stay quick. */
export class RowColumn implements ColumnData {
  readonly type: ColumnType;
  readonly bytesPerValue: number;
  bytes: Uint8Array<ArrayBuffer>;
  validity: Uint8Array<ArrayBuffer> | null = null;
  readonly longTextRows: number[] = [];
  readonly longTexts: Uint8Array[] = [];
  #words: Int32Array;
  #floats: Float64Array;
  #capacity: number;

  constructor(type: ColumnType) {
    this.type = type;
    this.bytesPerValue = widthOf(type);
    this.#capacity = FIRST_CAPACITY;
    this.bytes = new Uint8Array(FIRST_CAPACITY * this.bytesPerValue);
    this.#words = new Int32Array(this.bytes.buffer);
    this.#floats = new Float64Array(this.bytes.buffer);
  }

  grow(capacity: number): void {
    const bytes = new Uint8Array(capacity * this.bytesPerValue);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.#words = new Int32Array(bytes.buffer);
    this.#floats = new Float64Array(bytes.buffer);
    this.#capacity = capacity;
    if (this.validity === null) return;
    const validity = new Uint8Array(Math.ceil(capacity / 8)).fill(0xff);
    validity.set(this.validity);
    this.validity = validity;
  }

  setBoolean(row: number, value: boolean): void {
    this.bytes[row] = value ? 1 : 0;
  }

  setInt32(row: number, value: number): void {
    this.#words[row] = value;
  }

  /** For whole numbers that a double holds exactly. */
  setInt64(row: number, value: number): void {
    const high = Math.floor(value / TWO_TO_32);
    this.#words[2 * row] = value - high * TWO_TO_32;
    this.#words[2 * row + 1] = high;
  }

  setFloat64(row: number, value: number): void {
    this.#floats[row] = value;
  }

  /** A whole number of as many bytes as the column has: int64, timestamps, units of a decimal. */
  setBigInt(row: number, value: bigint): void {
    if (this.bytesPerValue === 2) {
      this.bytes[2 * row] = Number(value & 0xffn);
      this.bytes[2 * row + 1] = Number((value >> 8n) & 0xffn);
      return;
    }
    const words = this.bytesPerValue / 4;
    for (let word = 0; word < words; word++) {
      this.#words[words * row + word] = Number(BigInt.asIntN(32, value >> BigInt(32 * word)));
    }
  }

  /** Whole number of the column's width that a double holds exactly. */
  setUnits(row: number, units: number): void {
    if (this.bytesPerValue === 8) this.setInt64(row, units);
    else if (this.bytesPerValue === 4) this.#words[row] = units;
    else this.setBigInt(row, BigInt(units));
  }

  /** UTF-8 of `source` from `start` to `end`; the source must not change afterwards. */
  setText(row: number, source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const words = this.#words;
    const slot = 4 * row;
    words[slot] = length;
    words[slot + 1] = 0;
    words[slot + 2] = 0;
    words[slot + 3] = 0;
    if (length > MAX_INLINE_TEXT_BYTES) {
      this.longTextRows.push(row);
      this.longTexts.push(source.subarray(start, end));
      return;
    }
    const { bytes } = this;
    const into = 16 * row + 4 - start;
    for (let at = start; at < end; at++) bytes[into + at] = source[at] as number;
  }

  setNull(row: number): void {
    this.bytes.fill(0, row * this.bytesPerValue, (row + 1) * this.bytesPerValue);
    this.validity ??= new Uint8Array(Math.ceil(this.#capacity / 8)).fill(0xff);
    const byte = row >> 3;
    this.validity[byte] = (this.validity[byte] as number) & ~(1 << (row & 7));
  }

  /** Sets what the exact lane found: its one canonical text. */
  setCanonical(row: number, text: string): void {
    switch (this.type.kind) {
      case "boolean":
        this.setBoolean(row, text === "true");
        return;
      case "int32":
        this.setInt32(row, Number(text));
        return;
      case "float64":
        this.setFloat64(row, Number(text));
        return;
      case "int64":
        this.setBigInt(row, BigInt(text));
        return;
      case "decimal":
        this.setBigInt(row, BigInt(text.replace(".", "")));
        return;
      case "date":
        this.setInt32(row, daysOf(text));
        return;
      case "timestamp":
        this.setBigInt(row, microsecondsOf(text));
        return;
      default: {
        const bytes = Buffer.from(text);
        this.setText(row, bytes, 0, bytes.length);
      }
    }
  }

  /**
   * Copies what DuckDB has read into the rows from `row` on. Slots of long texts keep pointing into
   * the vector's memory.
   */
  setVector(row: number, vector: ColumnVector, rows: number): void {
    const width = this.bytesPerValue;
    this.bytes.set(vector.data.subarray(0, rows * width), row * width);
    if (vector.validity !== null) {
      for (let index = 0; index < rows; index++) {
        if (!vector.isValid(index)) this.setNull(row + index);
      }
    }
  }

  /** Forgets what was set in the last row, which does not count. */
  clear(row: number): void {
    if (this.longTextRows.at(-1) === row) {
      this.longTextRows.pop();
      this.longTexts.pop();
    }
    if (this.validity === null) return;
    const byte = row >> 3;
    this.validity[byte] = (this.validity[byte] as number) | (1 << (row & 7));
  }

  /** Forgets what was set from `row` on. */
  truncate(row: number): void {
    while (this.longTextRows.length > 0 && (this.longTextRows.at(-1) ?? 0) >= row) {
      this.longTextRows.pop();
      this.longTexts.pop();
    }
    if (this.validity === null) return;
    const byte = row >> 3;
    if (byte >= this.validity.length) return;
    this.validity[byte] = (this.validity[byte] as number) | (0xff << (row & 7));
    this.validity.fill(0xff, byte + 1);
  }
}

/** `-0001-…` does not come up: canonical texts are of the years 1 to 9999. */
function daysOf(text: string): number {
  return daysSinceEpoch(
    Number(text.slice(0, 4)),
    Number(text.slice(5, 7)),
    Number(text.slice(8, 10)),
  );
}

/** `YYYY-MM-DDTHH:MM:SS.ffffff`, whatever stands behind. */
function microsecondsOf(text: string): bigint {
  const seconds =
    daysOf(text) * 86_400 +
    Number(text.slice(11, 13)) * 3600 +
    Number(text.slice(14, 16)) * 60 +
    Number(text.slice(17, 19));
  return BigInt(seconds) * 1_000_000n + BigInt(text.slice(20, 26).padEnd(6, "0") || "0");
}

/**
 * A row is written into place `rows` of each column and counts from `add` on; what was written
 * without that is overwritten by the next one.
 */
export class RowColumns {
  readonly plans: readonly ColumnPlan[];
  readonly columns: readonly RowColumn[];
  readonly #defaults: readonly (string | null)[];
  /**
   * Chunks whose memory slots of long texts point into: it lives as long as they are named here.
   */
  readonly #owners: object[] = [];
  /** Stands in where a row leaves the time of receipt out. */
  receivedAtUs = 0n;
  rows = 0;
  #capacity = FIRST_CAPACITY;

  /** `defaults`: canonical texts for columns that a row leaves out; null where there is none. */
  constructor(plans: readonly ColumnPlan[], defaults: readonly (string | null)[]) {
    this.plans = plans;
    this.columns = plans.map((plan) => new RowColumn(plan.type));
    this.#defaults = defaults;
  }

  /** Of all columns, without text that is longer than its slot. */
  get sizeBytes(): number {
    return this.columns.reduce((sum, column) => sum + column.bytes.length, 0);
  }

  /** Call before a row is written. */
  makeRoom(): void {
    if (this.rows === this.#capacity) this.reserve(this.rows + 1);
  }

  /** For as many rows as are to be expected. */
  reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    while (this.#capacity < rows) this.#capacity *= 2;
    for (const column of this.columns) column.grow(this.#capacity);
  }

  setMissing(index: number): void {
    const column = this.columns[index] as RowColumn;
    const text = this.#defaults[index] ?? null;
    if (this.plans[index]?.received === true) column.setBigInt(this.rows, this.receivedAtUs);
    else if (text === null) column.setNull(this.rows);
    else column.setCanonical(this.rows, text);
  }

  add(): void {
    this.rows++;
  }

  /** The row that was begun does not count. */
  abandon(): void {
    for (const column of this.columns) column.clear(this.rows);
  }

  /** Values as canonical texts; null: the default, or null. */
  addCanonical(values: readonly (string | null)[]): void {
    this.makeRoom();
    for (const [index, text] of values.entries()) {
      if (text === null) this.setMissing(index);
      else (this.columns[index] as RowColumn).setCanonical(this.rows, text);
    }
    this.add();
  }

  addVectors(vectors: readonly ColumnVector[], rows: number): void {
    this.reserve(this.rows + rows);
    for (const [index, vector] of vectors.entries()) {
      (this.columns[index] as RowColumn).setVector(this.rows, vector, rows);
      if (index === 0) this.#owners.push(vector.owner);
    }
    this.rows += rows;
  }

  truncate(rows: number): void {
    for (const column of this.columns) column.truncate(rows);
    if (rows === 0) this.#owners.length = 0;
    this.rows = rows;
  }
}
