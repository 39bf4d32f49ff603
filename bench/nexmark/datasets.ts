/** The three kinds of events as datasets. Prices are cents. */
import { column, dataset } from "kurobe";

// Nobody is waited for, and nobody is given up: the clock has no say in what a run gives.
const watermark = { outOfOrderness: "4s", idleTimeout: null } as const;
// Parquet has no zone; text has its Z.
const time = column.timestamp({ zone: "UTC" });

export const person = dataset({
  columns: {
    id: column.int64(),
    name: column.text(),
    email_address: column.text(),
    credit_card: column.text(),
    city: column.text(),
    state: column.text(),
    date_time: time,
    extra: column.text(),
  },
  eventTime: "date_time",
  watermark,
});

export const auction = dataset({
  columns: {
    id: column.int64(),
    item_name: column.text(),
    description: column.text(),
    initial_bid: column.int64(),
    reserve: column.int64(),
    date_time: time,
    expires: time,
    seller: column.int64(),
    category: column.int64(),
    extra: column.text(),
  },
  eventTime: "date_time",
  watermark,
});

const bidColumns = {
  auction: column.int64(),
  bidder: column.int64(),
  price: column.int64(),
  channel: column.text(),
  url: column.text(),
  date_time: time,
  extra: column.text(),
} as const;

export const bid = dataset({ columns: bidColumns, eventTime: "date_time", watermark });

/** Bids by the time when they came in: processing time. */
export const arriving_bid = dataset({
  columns: { ...bidColumns, p_time: column.receivedTime() },
  eventTime: "p_time",
});

/** Q13's table that stands still. */
export const side_input = dataset({
  columns: { key: column.int64(), value: column.text(), loaded: time },
  key: ["key"],
  eventTime: "loaded",
  watermark,
});
