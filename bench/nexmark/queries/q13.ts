/** Q13, bounded side input: each bid with the value of a table that stands still. */
import { col, lookup, stream } from "kurobe";
import { bid, side_input } from "../datasets.ts";

export const q13_bids = stream({
  from: bid,
  select: {
    auction: "auction",
    bidder: "bidder",
    price: "price",
    date_time: "date_time",
    side: col("auction").modulo(10_000),
  },
});

export const q13 = stream({
  from: q13_bids,
  join: [lookup(side_input, { on: { side: "key" }, select: ["value"], kind: "inner" })],
  select: ["auction", "bidder", "price", "date_time", "value"],
});
