/** Q0, pass through: every bid as it is. */
import { stream } from "kurobe";
import { bid } from "../datasets.ts";

export const q0 = stream({
  from: bid,
  select: ["auction", "bidder", "price", "date_time", "extra"],
});
