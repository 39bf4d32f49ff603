import {
  col,
  column,
  count,
  dataset,
  defineProject,
  first,
  last,
  max,
  min,
  sum,
  tumbling,
} from "kurobe";

/** Daily bars of an index. A bar that is sent again (a correction) replaces the one before. */
const daily = dataset({
  columns: {
    closed: column.timestamp({ zone: "America/New_York" }),
    symbol: column.text(),
    open: column.decimal(12, 6),
    high: column.decimal(12, 6),
    low: column.decimal(12, 6),
    close: column.decimal(12, 6),
    volume: column.int64(),
  },
  eventTime: "closed",
  key: ["symbol", "closed"],
  watermark: { outOfOrderness: "12h" },
});

/** One row a trade. The generator beside this file makes synthetic ones. */
const ticks = dataset({
  columns: {
    time: column.timestamp(),
    symbol: column.text(),
    price: column.decimal(12, 4),
    quantity: column.int64(),
  },
  eventTime: "time",
  watermark: { outOfOrderness: "10s" },
});

/** A bar over bars: the first open, the highest high, the lowest low, the last close. */
const bar = {
  open: first("open"),
  high: max("high"),
  low: min("low"),
  close: last("close"),
  volume: sum("volume"),
  days: count(),
} as const;

const weekly = tumbling({
  from: daily,
  size: "1 week",
  timezone: "America/New_York",
  by: ["symbol"],
  measure: bar,
  allowedLateness: "30 days",
});

const monthly = tumbling({
  from: daily,
  size: "1 month",
  timezone: "America/New_York",
  by: ["symbol"],
  measure: bar,
  allowedLateness: "30 days",
});

const bars_5m = tumbling({
  from: ticks,
  size: "5m",
  by: ["symbol"],
  where: col("quantity").gt(0),
  measure: {
    open: first("price"),
    high: max("price"),
    low: min("price"),
    close: last("price"),
    volume: sum("quantity"),
    trades: count(),
  },
  allowedLateness: "1h",
});

export default defineProject({
  name: "market",
  datasets: { daily, ticks },
  windows: { weekly, monthly, bars_5m },
});
