/** Q1, currency conversion: bids in euros. */
import { col, stream } from "kurobe";
import { bid } from "../datasets.ts";

export const q1 = stream({
  from: bid,
  select: {
    auction: "auction",
    bidder: "bidder",
    price: col("price").times("0.908"),
    date_time: "date_time",
    extra: "extra",
  },
});
