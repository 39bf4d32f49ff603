/** Q4, the average price that auctions of a category come to: the highest bid until they expire. */
import { avg, col, max, stream, tumbling, within } from "kurobe";
import { auction, bid } from "../datasets.ts";

/** An auction is open for 34 seconds at most, at 100 events a second; at more, less. */
export const q4_bids = stream({
  from: auction,
  join: [
    within(bid, {
      on: { id: "auction" },
      between: ["0s", "1m"],
      select: { price: "price", bid_time: "date_time" },
    }),
  ],
  where: col("bid_time").le(col("expires")),
  select: ["id", "category", "price"],
});

/** A pair has the time of its auction, so all bids on an auction are in one window. */
export const q4_finals = tumbling({
  from: q4_bids,
  size: "10s",
  by: ["id", "category"],
  measure: { final: max("price") },
});

export const q4 = tumbling({
  from: q4_finals,
  size: "1 day",
  by: ["category"],
  measure: { average: avg("final") },
});
