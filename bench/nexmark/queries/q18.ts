/** Q18, the last bid of each bidder on each auction: of equal times, the one that came last. */
import { last, tumbling } from "kurobe";
import { bid } from "../datasets.ts";

export const q18 = tumbling({
  from: bid,
  size: "1 day",
  by: ["bidder", "auction"],
  measure: {
    price: last("price"),
    channel: last("channel"),
    url: last("url"),
    date_time: last("date_time"),
    extra: last("extra"),
  },
});
