/** The formats that a result comes in, and what each looks like on the wire. */
import { type Column, type ResultChunk } from "../../duckdb/duckdb.ts";

export const RESULT_FORMATS = ["json", "ndjson", "csv", "arrow", "parquet"] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

export const CONTENT_TYPES: Readonly<Record<ResultFormat, string>> = {
  json: "application/json; charset=utf-8",
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8; header=present",
  arrow: "application/vnd.apache.arrow.stream",
  parquet: "application/vnd.apache.parquet",
};

/** A result on its way: columns at once, rows as they are computed. */
export interface Rows {
  readonly columns: readonly Column[];
  readonly chunks: AsyncIterable<ResultChunk>;
}

/** Turns rows into the bytes of one format, a piece for about every 2,048 rows. */
export type Encoder = (rows: Rows) => AsyncIterable<Uint8Array>;

/** Names for readers that take each name once: `price`, `price_1`, … */
export function uniqueNames(columns: readonly Column[]): readonly string[] {
  const taken = new Set<string>();
  return columns.map(({ name }) => {
    let unique = name;
    for (let n = 1; taken.has(unique); n++) unique = `${name}_${n}`;
    taken.add(unique);
    return unique;
  });
}
