/** Q5, hot items: the auctions with the most bids in the last ten seconds, every two seconds. */
import { count, hopping, top, tumbling } from "kurobe";
import { bid } from "../datasets.ts";

export const q5_counts = hopping({
  from: bid,
  size: "10s",
  every: "2s",
  by: ["auction"],
  measure: { num: count() },
});

/** More than one has the most where they are equal; ten are kept, so that all of those are. */
export const q5 = tumbling({
  from: q5_counts,
  size: "2s",
  measure: { auctions: top(10, "num", ["auction"]) },
});
