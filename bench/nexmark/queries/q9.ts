/** Q9, winning bids: of each auction the highest bid until it expired; of equal ones the first. */
import { col, stream, top, tumbling, within } from "kurobe";
import { auction, bid } from "../datasets.ts";

/** An auction is open for 34 seconds at most, at 100 events a second; at more, less. */
const OPEN_AT_MOST_US = 60_000_000;
const bidAfterUs = col("bid_time").microsecondsSince(col("date_time"));

export const q9_bids = stream({
  from: auction,
  join: [
    within(bid, {
      on: { id: "auction" },
      between: ["0s", "1m"],
      select: { bidder: "bidder", price: "price", bid_time: "date_time", bid_extra: "extra" },
    }),
  ],
  where: col("bid_time").le(col("expires")),
  select: {
    ...{ id: "id", item_name: "item_name", description: "description", reserve: "reserve" },
    ...{ initial_bid: "initial_bid", date_time: "date_time", expires: "expires", extra: "extra" },
    ...{ seller: "seller", category: "category", bidder: "bidder", price: "price" },
    ...{ bid_time: "bid_time", bid_extra: "bid_extra" },
    /** Greater where the price is, and of equal prices where the bid came earlier. */
    score: col("price")
      .times(OPEN_AT_MOST_US + 1)
      .minus(bidAfterUs),
  },
});

/** A pair has the time of its auction, so all bids on an auction are in one window. */
export const q9 = tumbling({
  from: q9_bids,
  size: "10s",
  by: [
    ...(["id", "item_name", "description", "initial_bid", "reserve", "date_time"] as const),
    ...(["expires", "seller", "category", "extra"] as const),
  ],
  measure: { winner: top(1, "score", ["bidder", "price", "bid_time", "bid_extra"]) },
});
