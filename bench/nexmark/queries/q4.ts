/** Q4, the average price that auctions of a category come to: the highest bid until they expire. */
import { avg, max, stream, tumbling } from "kurobe";
import { VALID_BIDS } from "./valid-bids.ts";

export const q4_bids = stream({ ...VALID_BIDS, select: ["id", "category", "price"] });

/** A pair has the time of its auction, so all bids on an auction are in one window. */
export const q4_finals = tumbling({
  from: q4_bids,
  size: "10s",
  by: ["id", "category"],
  measure: { final: max("price") },
});

export const q4 = tumbling({
  from: q4_finals,
  size: "1 day",
  by: ["category"],
  measure: { average: avg("final") },
});
