import { column, dataset, defineProject } from "kurobe";

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

export default defineProject({ name: "ticks_plain", datasets: { ticks } });
