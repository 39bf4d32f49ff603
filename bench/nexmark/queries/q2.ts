/** Q2, selection: the bids on some auctions. */
import { col, stream } from "kurobe";
import { bid } from "../datasets.ts";

export const q2 = stream({
  from: bid,
  where: col("auction").modulo(123).eq(0),
  select: ["auction", "price"],
});
