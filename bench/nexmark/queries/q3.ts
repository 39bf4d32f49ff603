/** Q3, local item suggestion: who sells in a category, of the people of three states. */
import { col, stream, within } from "kurobe";
import { auction, person } from "../datasets.ts";

/**
 * A seller is one of the last thousand people, or one of the next ten: at 100 events a second up to
 * 500 seconds older than the auction, or 5 younger; at more events a second, less.
 */
export const q3 = stream({
  from: auction,
  join: [
    within(person, {
      on: { seller: "id" },
      between: ["-10m", "10s"],
      select: ["name", "city", "state"],
    }),
  ],
  where: col("category")
    .eq(10)
    .and(col("state").in(["OR", "ID", "CA"])),
  select: ["name", "city", "state", "id"],
});
