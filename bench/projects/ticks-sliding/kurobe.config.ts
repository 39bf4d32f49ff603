import { column, count, dataset, defineProject, first, hopping, last, max, min, sum } from "kurobe";

const ticks = dataset({
  columns: {
    // Parquet has no zone here; text has its Z.
    ts: column.timestamp({ zone: "UTC" }),
    symbol: column.text(),
    price: column.float64(),
    qty: column.int64(),
  },
  eventTime: "ts",
  watermark: { outOfOrderness: "5s" },
});

const ohlc = hopping({
  from: ticks,
  size: "60s",
  every: "5s",
  by: ["symbol"],
  measure: {
    open: first("price"),
    high: max("price"),
    low: min("price"),
    close: last("price"),
    volume: sum("qty"),
    trades: count(),
  },
});

export default defineProject({ name: "ticks", datasets: { ticks }, windows: { ohlc } });
