/** Auctions with the bids on them until they expire: what Q4 and Q6 begin with. */
import { col, within } from "kurobe";
import { auction, bid } from "../datasets.ts";

/** An auction is open for 34 seconds at most, at 100 events a second; at more, less. */
export const VALID_BIDS = {
  from: auction,
  join: [
    within(bid, {
      on: { id: "auction" },
      between: ["0s", "1m"],
      select: { price: "price", bid_time: "date_time" },
    }),
  ],
  where: col("bid_time").le(col("expires")),
} as const;
