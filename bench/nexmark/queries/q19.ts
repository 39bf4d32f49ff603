/** Q19, the ten highest bids on each auction. */
import { top, tumbling } from "kurobe";
import { bid } from "../datasets.ts";

export const q19 = tumbling({
  from: bid,
  size: "1 day",
  by: ["auction"],
  measure: { bids: top(10, "price", ["bidder", "channel", "url", "date_time", "extra"]) },
});
