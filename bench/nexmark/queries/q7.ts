/** Q7, the highest bid of each ten seconds: of equal ones the earliest. */
import { top, tumbling } from "kurobe";
import { bid } from "../datasets.ts";

export const q7 = tumbling({
  from: bid,
  size: "10s",
  measure: { highest: top(1, "price", ["auction", "bidder", "date_time", "extra"]) },
});
