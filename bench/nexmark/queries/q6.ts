/** Q6, the average price that a seller's last ten auctions came to; the list is averaged in SQL. */
import { max, stream, top, tumbling } from "kurobe";
import { VALID_BIDS } from "./valid-bids.ts";

export const q6_bids = stream({ ...VALID_BIDS, select: ["id", "seller", "price"] });

/** A pair has the time of its auction, so all bids on an auction are in one window. */
export const q6_finals = tumbling({
  from: q6_bids,
  size: "10s",
  by: ["id", "seller"],
  measure: { final: max("price") },
});

/** Ids follow the order in which auctions begin. */
export const q6 = tumbling({
  from: q6_finals,
  size: "1 day",
  by: ["seller"],
  measure: { auctions: top(10, "id", ["final"]) },
});
