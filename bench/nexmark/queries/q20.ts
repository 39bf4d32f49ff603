/** Q20, expand bids: each bid with its auction, of one category. */
import { col, stream, within } from "kurobe";
import { auction, bid } from "../datasets.ts";

/**
 * A bid is on one of the last hundred auctions, or on one of the next ten: at 100 events a second
 * up to 17 seconds younger than the auction, or 2 older; at more events a second, less.
 */
export const q20 = stream({
  from: bid,
  join: [
    within(auction, {
      on: { auction: "id" },
      between: ["-1m", "10s"],
      select: {
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
  where: col("category").eq(10),
});
