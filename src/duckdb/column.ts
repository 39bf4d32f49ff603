/** What DuckDB calls the columns of a result, and how one vector of a column is read. */
import bindings, { type LogicalType, type Vector } from "@duckdb/node-bindings";
import { DuckDBLogicalType, DuckDBVector } from "@duckdb/node-api";
import { plainValue, portableValue, type Value } from "./value.ts";

/**
 * How a vector's bytes lie. `decimal` has the width of its integers in `bytes`; `text` and `blob`
 * lie as 16-byte headers. `other` (lists, structs, intervals, …) is only read value by value.
 */
export type Layout =
  | "boolean"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "float32"
  | "float64"
  | "hugeint"
  | "decimal"
  | "text"
  | "blob"
  | "date"
  | "timestamp"
  | "other";

export interface Column {
  readonly name: string;
  /** As SQL writes it: `BIGINT`, `DECIMAL(10,2)`, `TIMESTAMP`, `JSON`, `STRUCT(a INTEGER)`. */
  readonly type: string;
  readonly layout: Layout;
  /** Bytes of one value in a vector's data. */
  readonly bytes: number;
  /** Digits after the point of a decimal, else 0. */
  readonly scale: number;
  /** Total digits of a decimal, else 0. */
  readonly precision: number;
}

type Fixed = readonly [Layout, number];

const { Type } = bindings;

/** Timestamps of other units are left to the value reader: nothing of ours stores them. */
const FIXED = new Map<number, Fixed>([
  [Type.BOOLEAN, ["boolean", 1]],
  [Type.TINYINT, ["int8", 1]],
  [Type.SMALLINT, ["int16", 2]],
  [Type.INTEGER, ["int32", 4]],
  [Type.BIGINT, ["int64", 8]],
  [Type.UTINYINT, ["uint8", 1]],
  [Type.USMALLINT, ["uint16", 2]],
  [Type.UINTEGER, ["uint32", 4]],
  [Type.UBIGINT, ["uint64", 8]],
  [Type.FLOAT, ["float32", 4]],
  [Type.DOUBLE, ["float64", 8]],
  [Type.HUGEINT, ["hugeint", 16]],
  [Type.VARCHAR, ["text", 16]],
  [Type.BLOB, ["blob", 16]],
  [Type.DATE, ["date", 4]],
  [Type.TIMESTAMP, ["timestamp", 8]],
  [Type.TIMESTAMP_TZ, ["timestamp", 8]],
]);

function decimalBytes(precision: number): number {
  if (precision <= 4) return 2;
  if (precision <= 9) return 4;
  return precision <= 18 ? 8 : 16;
}

export function describeColumn(name: string, logicalType: LogicalType): Column {
  const id = bindings.get_type_id(logicalType);
  // JSON is VARCHAR by another name.
  const alias = bindings.logical_type_get_alias(logicalType);
  const type = alias ?? DuckDBLogicalType.create(logicalType).asType().toString();
  if (id === Type.DECIMAL) {
    const precision = bindings.decimal_width(logicalType);
    const scale = bindings.decimal_scale(logicalType);
    return { name, type, layout: "decimal", bytes: decimalBytes(precision), scale, precision };
  }
  const [layout, bytes] = FIXED.get(id) ?? ["other", 0];
  return { name, type, layout, bytes, scale: 0, precision: 0 };
}

/** Up to 2,048 rows of one column. Its bytes are DuckDB's memory: read them while you hold it. */
export class ColumnVector {
  readonly column: Column;
  readonly rowCount: number;
  /** The chunk that owns the memory: referenced here so that it lives as long as its vectors. */
  readonly owner: object;
  readonly #vector: Vector;
  #data: Uint8Array | undefined;
  #validity: Uint8Array | null | undefined;
  #generic: DuckDBVector | undefined;

  constructor(column: Column, vector: Vector, rowCount: number, owner: object) {
    this.column = column;
    this.owner = owner;
    this.rowCount = rowCount;
    this.#vector = vector;
  }

  /** The values as they lie in memory, little-endian, without a copy; NULLs have any value. */
  get data(): Uint8Array {
    this.#data ??= bindings.vector_get_data(this.#vector, this.rowCount * this.column.bytes);
    return this.#data;
  }

  /** Bit `row % 8` of byte `row / 8` is 1 where there is a value; null where no row is NULL. */
  get validity(): Uint8Array | null {
    if (this.#validity === undefined) {
      const bytes = Math.ceil(this.rowCount / 64) * 8;
      // The binding's type leaves out that it gives null where all rows are valid.
      const mask: Uint8Array | null = bindings.vector_get_validity(this.#vector, bytes);
      this.#validity = mask ?? null;
    }
    return this.#validity;
  }

  isValid(row: number): boolean {
    const mask = this.validity;
    return mask === null || ((mask[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
  }

  /** The bytes of a text or blob value, without a copy: use them before the chunk goes. */
  bytesAt(row: number): Uint8Array {
    const header = row * 16;
    const { data } = this;
    const length =
      (data[header] ?? 0) |
      ((data[header + 1] ?? 0) << 8) |
      ((data[header + 2] ?? 0) << 16) |
      ((data[header + 3] ?? 0) << 24);
    if (length <= 12) return data.subarray(header + 4, header + 4 + length);
    const pointer = data.byteOffset + header + 8;
    return bindings.get_data_from_pointer(data.buffer as ArrayBuffer, pointer, length);
  }

  /** One value as `value.ts` says. For whole columns of fixed width read `data` instead. */
  valueAt(row: number): Value {
    return plainValue(this.#item(row));
  }

  /** One value for readers that know JSON only, as `portableValue` says. */
  portableAt(row: number): Value {
    return portableValue(this.#item(row));
  }

  #item(row: number): unknown {
    this.#generic ??= DuckDBVector.create(this.#vector, this.rowCount);
    return this.#generic.getItem(row);
  }
}
