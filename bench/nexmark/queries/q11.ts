/** Q11, user sessions: how many bids a user made in each session of theirs. */
import { count, session } from "kurobe";
import { bid } from "../datasets.ts";

export const q11 = session({
  from: bid,
  gap: "10s",
  by: ["bidder"],
  measure: { bid_count: count() },
});
