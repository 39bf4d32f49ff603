/** What the projects of the benchmarks share: one shape of rows, and the measures of a bar. */
import { column, count, first, last, max, min, sum } from "kurobe";

export const TICKS = {
  columns: {
    // Parquet has no zone here; text has its Z.
    ts: column.timestamp({ zone: "UTC" }),
    symbol: column.text(),
    price: column.float64(),
    qty: column.int64(),
  },
  eventTime: "ts",
  watermark: { outOfOrderness: "5s" },
} as const;

export const BAR = {
  by: ["symbol"],
  measure: {
    open: first("price"),
    high: max("price"),
    low: min("price"),
    close: last("price"),
    volume: sum("qty"),
    trades: count(),
  },
} as const;
