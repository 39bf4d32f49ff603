/** Q17, the statistics of each auction and day. */
import { avg, max, min, sum, tumbling } from "kurobe";
import { bid } from "../datasets.ts";
import { BIDS_BY_RANK } from "./bids.ts";

export const q17 = tumbling({
  from: bid,
  size: "1 day",
  by: ["auction"],
  measure: {
    ...BIDS_BY_RANK,
    min_price: min("price"),
    max_price: max("price"),
    avg_price: avg("price"),
    sum_price: sum("price"),
  },
});
