/** Q12, how many bids a user made in each ten seconds of processing time: when they came in. */
import { count, tumbling } from "kurobe";
import { arriving_bid } from "../datasets.ts";

export const q12 = tumbling({
  from: arriving_bid,
  size: "10s",
  by: ["bidder"],
  measure: { bid_count: count() },
});
