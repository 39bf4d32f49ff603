/** Q14, calculation: the time of the day, and how often a letter is in a text. */
import { col, stream, when } from "kurobe";
import { bid } from "../datasets.ts";

const euros = col("price").times("0.908");
const hour = col("date_time").extract("hour");
const extra = col("extra");

export const q14 = stream({
  from: bid,
  where: euros.gt(1_000_000).and(euros.lt(50_000_000)),
  select: {
    auction: "auction",
    bidder: "bidder",
    price: euros,
    bid_time_type: when(hour.ge(8).and(hour.le(18)))
      .then("dayTime")
      .when(hour.le(6).or(hour.ge(20)))
      .then("nightTime")
      .otherwise("otherTime"),
    date_time: "date_time",
    extra: "extra",
    c_counts: extra.length().minus(extra.replace("c", "").length()),
  },
});
