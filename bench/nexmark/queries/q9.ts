/** Q9, winning bids: of each auction the highest bid until it expired; of equal ones the first. */
import { col, session, stream, top, within } from "kurobe";
import { auction, bid } from "../datasets.ts";

/** An auction is open for 34 seconds at most, at 100 events a second; at more, less. */
export const q9_bids = stream({
  from: bid,
  join: [
    within(auction, {
      on: { auction: "id" },
      between: ["-1m", "0s"],
      select: {
        id: "id",
        item_name: "item_name",
        description: "description",
        initial_bid: "initial_bid",
        reserve: "reserve",
        auction_time: "date_time",
        expires: "expires",
        seller: "seller",
        category: "category",
        auction_extra: "extra",
      },
    }),
  ],
  where: col("date_time").le(col("expires")),
});

/** All bids on an auction lie within a minute, so they are one session. */
export const q9 = session({
  from: q9_bids,
  gap: "1m",
  by: [
    ...(["id", "item_name", "description", "initial_bid", "reserve"] as const),
    ...(["auction_time", "expires", "seller", "category", "auction_extra"] as const),
  ],
  measure: { winner: top(1, "price", ["bidder", "date_time", "extra"]) },
});
