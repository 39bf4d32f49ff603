/** Q6, the average price that a seller's last ten auctions came to; the list is averaged in SQL. */
import { col, max, stream, top, tumbling, within } from "kurobe";
import { auction, bid } from "../datasets.ts";

/** An auction is open for 34 seconds at most, at 100 events a second; at more, less. */
export const q6_bids = stream({
  from: auction,
  join: [
    within(bid, {
      on: { id: "auction" },
      between: ["0s", "1m"],
      select: { price: "price", bid_time: "date_time" },
    }),
  ],
  where: col("bid_time").le(col("expires")),
  select: ["id", "seller", "price"],
});

/** A pair has the time of its auction, so all bids on an auction are in one window. */
export const q6_finals = tumbling({
  from: q6_bids,
  size: "10s",
  by: ["id", "seller"],
  measure: { final: max("price") },
});

/** Ids follow the order in which auctions begin. */
export const q6 = tumbling({
  from: q6_finals,
  size: "1 day",
  by: ["seller"],
  measure: { auctions: top(10, "id", ["final"]) },
});
