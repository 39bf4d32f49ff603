/**
 * Rows as columns in JavaScript's memory, in the very layout that DuckDB's vectors have, so that
 * they are copied into a table rather than converted.
 */
import bindings, { type Connection, type Vector } from "@duckdb/node-bindings";
import { assert } from "../core/errors.ts";

/** Text up to so many bytes stands in its slot; of longer text the slot has a pointer. */
export const MAX_INLINE_TEXT_BYTES = 12;

/** One column. Source of the layouts: `duckdb.h`, `duckdb_string_t` and "Vector Interface". */
export interface ColumnData {
  /** `bytesPerValue` bytes a row: little-endian integers, doubles, or 16-byte text slots. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly bytesPerValue: number;
  /** One bit a row, 1 where there is a value; null: there are no nulls. */
  readonly validity: Uint8Array<ArrayBuffer> | null;
  /** Rows, ascending, whose text is longer than its slot, and those texts as UTF-8. */
  readonly longTextRows: readonly number[];
  readonly longTexts: readonly Uint8Array[];
}

/** Rows from `start` to `end`, `end` excluded. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Rows of a vector; a multiple of 8, so that chunks begin at whole bytes of the validity. */
const CHUNK_ROWS = 2048;

/**
 * Appends the rows of `ranges`, all columns of the table in its own order. It blocks the event loop
 * for about 0.2 µs a row. In an open transaction it is part of it.
 */
export function appendColumns(
  connection: Connection,
  table: readonly string[],
  columns: readonly ColumnData[],
  ranges: readonly RowRange[],
): void {
  const name = table.at(-1) ?? "";
  const appender = bindings.appender_create_ext(connection, null, table.at(-2) ?? null, name);
  try {
    const count = bindings.appender_column_count(appender);
    assert(count === columns.length, `${columns.length} columns for the ${count} of ${name}`);
    const types = columns.map((_, index) => bindings.appender_column_type(appender, index));
    const chunk = bindings.create_data_chunk(types);
    for (const { start, end } of ranges) {
      for (let at = start; at < end; at += CHUNK_ROWS) {
        const rows = Math.min(CHUNK_ROWS, end - at);
        bindings.data_chunk_reset(chunk);
        for (const [index, column] of columns.entries()) {
          fillVector(bindings.data_chunk_get_vector(chunk, index), column, at, rows);
        }
        bindings.data_chunk_set_size(chunk, rows);
        bindings.append_data_chunk(appender, chunk);
      }
    }
  } catch (error) {
    bindings.appender_clear(appender);
    bindings.appender_close_sync(appender);
    throw error;
  }
  bindings.appender_close_sync(appender);
}

function fillVector(vector: Vector, column: ColumnData, first: number, rows: number): void {
  const { bytes, bytesPerValue, validity, longTextRows, longTexts } = column;
  bindings.copy_data_to_vector(
    vector,
    0,
    bytes.buffer,
    bytes.byteOffset + first * bytesPerValue,
    rows * bytesPerValue,
  );
  if (validity !== null) copyValidity(vector, validity, first, rows);
  if (longTextRows.length === 0) return;
  for (let index = firstAtOrAfter(longTextRows, first); index < longTextRows.length; index++) {
    const row = longTextRows[index] as number;
    if (row >= first + rows) break;
    bindings.vector_assign_string_element_len(vector, row - first, longTexts[index] as Uint8Array);
  }
}

function copyValidity(
  vector: Vector,
  validity: Uint8Array<ArrayBuffer>,
  first: number,
  rows: number,
): void {
  const bytes = new Uint8Array(CHUNK_ROWS / 8).fill(0xff);
  const shift = first % 8;
  const start = (first - shift) / 8;
  const count = Math.ceil(rows / 8);
  for (let index = 0; index < count; index++) {
    const low = validity[start + index] ?? 0xff;
    const high = validity[start + index + 1] ?? 0xff;
    bytes[index] = shift === 0 ? low : (low >> shift) | (high << (8 - shift));
  }
  bindings.vector_ensure_validity_writable(vector);
  bindings.copy_data_to_vector_validity(vector, 0, bytes.buffer, 0, bytes.length);
}

function firstAtOrAfter(rows: readonly number[], row: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}
