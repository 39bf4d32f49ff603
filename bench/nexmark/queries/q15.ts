/** Q15, bidding statistics of each day: distinct counts with filters. */
import { tumbling } from "kurobe";
import { bid } from "../datasets.ts";
import { BIDDERS_AND_AUCTIONS_BY_RANK, BIDS_BY_RANK } from "./bids.ts";

export const q15 = tumbling({
  from: bid,
  size: "1 day",
  measure: { ...BIDS_BY_RANK, ...BIDDERS_AND_AUCTIONS_BY_RANK },
});
