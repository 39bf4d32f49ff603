import { column, dataset, defineProject } from "kurobe";

const ticks = dataset({
  columns: {
    ts: column.timestamp(),
    symbol: column.text(),
    price: column.float64(),
    qty: column.int64(),
  },
  eventTime: "ts",
  watermark: { outOfOrderness: "5s" },
});

export default defineProject({ name: "ticks_plain", datasets: { ticks } });
