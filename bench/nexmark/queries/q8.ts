/** Q8, new users: people who have registered and opened an auction in the same ten seconds. */
import { col, count, stream, tumbling, within } from "kurobe";
import { auction, person } from "../datasets.ts";

const WINDOW_US = 10_000_000;
const EPOCH = new Date(0);
const registered = col("date_time").microsecondsSince(EPOCH);
const opened = col("auction_time").microsecondsSince(EPOCH);

export const q8_sellers = stream({
  from: person,
  join: [
    within(auction, {
      on: { id: "seller" },
      between: ["-10s", "10s"],
      select: { auction_time: "date_time" },
    }),
  ],
  where: registered.minus(registered.modulo(WINDOW_US)).eq(opened.minus(opened.modulo(WINDOW_US))),
  select: ["id", "name"],
});

export const q8 = tumbling({
  from: q8_sellers,
  size: "10s",
  by: ["id", "name"],
  measure: { auctions: count() },
});
