/** Reads results: all at once for small ones, chunk by chunk for the rest. */
import bindings, { type DataChunk, type Result } from "@duckdb/node-bindings";
import { ColumnVector, describeColumn, type Column } from "./column.ts";
import { type Value } from "./value.ts";

/** Up to 2,048 rows, column by column. */
export interface ResultChunk {
  readonly rowCount: number;
  readonly columns: readonly ColumnVector[];
}

export function columnsOf(result: Result): readonly Column[] {
  return Array.from({ length: bindings.column_count(result) }, (_, index) =>
    describeColumn(
      bindings.column_name(result, index),
      bindings.column_logical_type(result, index),
    ),
  );
}

export function readChunk(chunk: DataChunk, columns: readonly Column[]): ResultChunk {
  const rowCount = bindings.data_chunk_get_size(chunk);
  return {
    rowCount,
    columns: columns.map(
      (column, index) =>
        new ColumnVector(column, bindings.data_chunk_get_vector(chunk, index), rowCount, chunk),
    ),
  };
}

/** Every row of a materialised result, in order; no waiting, the rows are already here. */
export function allRows(result: Result, columns: readonly Column[]): Value[][] {
  const rows: Value[][] = [];
  const chunkCount = bindings.result_chunk_count(result);
  for (let index = 0; index < chunkCount; index++) {
    const chunk = readChunk(bindings.result_get_chunk(result, index), columns);
    for (let row = 0; row < chunk.rowCount; row++) {
      rows.push(chunk.columns.map((vector) => vector.valueAt(row)));
    }
  }
  return rows;
}
