/** Q16, the statistics of each channel and day. `minute` is the last one with a bid. */
import { col, max, tumbling } from "kurobe";
import { bid } from "../datasets.ts";
import { BIDDERS_AND_AUCTIONS_BY_RANK, BIDS_BY_RANK } from "./bids.ts";

export const q16 = tumbling({
  from: bid,
  size: "1 day",
  by: ["channel"],
  measure: {
    minute: max(col("date_time").truncate("minute")),
    ...BIDS_BY_RANK,
    ...BIDDERS_AND_AUCTIONS_BY_RANK,
  },
});
