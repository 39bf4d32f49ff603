/** The numbers of a vector as they lie in memory, for readers and writers of whole columns. */
import { type ColumnVector } from "./column.ts";

const VIEWS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

export type NumberKind = keyof typeof VIEWS;

/** Whatever the column is, its bytes as numbers of `kind`; NULLs have any value. */
export function numbersOf(vector: ColumnVector, kind: NumberKind): ArrayLike<number> {
  const { buffer, byteOffset, byteLength } = vector.data;
  const View = VIEWS[kind];
  return new View(buffer as ArrayBuffer, byteOffset, byteLength / View.BYTES_PER_ELEMENT);
}

/** Integers of 128 bits, one by one. */
export function hugeReader({ data }: ColumnVector): (row: number) => bigint {
  const items = new BigInt64Array(data.buffer, data.byteOffset, data.byteLength / 8);
  return (row) => ((items[row * 2 + 1] ?? 0n) << 64n) | BigInt.asUintN(64, items[row * 2] ?? 0n);
}

/** Decimals as text with all digits of their scale, one by one. */
export function decimalReader(vector: ColumnVector): (row: number) => string {
  const { bytes, scale } = vector.column;
  if (bytes === 16) {
    const read = hugeReader(vector);
    return (row) => pointed(read(row).toString(), scale);
  }
  if (bytes === 8) {
    const { data } = vector;
    const items = new BigInt64Array(data.buffer, data.byteOffset, vector.rowCount);
    return (row) => pointed(String(items[row]), scale);
  }
  const items = numbersOf(vector, bytes === 2 ? "int16" : "int32");
  return (row) => pointed(String(items[row]), scale);
}

function pointed(unscaled: string, scale: number): string {
  if (scale === 0) return unscaled;
  const isNegative = unscaled.startsWith("-");
  const digits = (isNegative ? unscaled.slice(1) : unscaled).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${isNegative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}
