/**
 * The queries of Nexmark as one project: a query is a stream or a window of its own name.
 * `NEXMARK=q5,q11` leaves the others out.
 */
import { defineProject } from "kurobe";
import { arriving_bid, auction, bid, person, side_input } from "./datasets.ts";
import { q0 } from "./queries/q0.ts";
import { q1 } from "./queries/q1.ts";
import { q2 } from "./queries/q2.ts";
import { q3 } from "./queries/q3.ts";
import { q4, q4_bids, q4_finals } from "./queries/q4.ts";
import { q5, q5_counts } from "./queries/q5.ts";
import { q6, q6_bids, q6_finals } from "./queries/q6.ts";
import { q7 } from "./queries/q7.ts";
import { q8, q8_sellers } from "./queries/q8.ts";
import { q9, q9_bids } from "./queries/q9.ts";
import { q11 } from "./queries/q11.ts";
import { q12 } from "./queries/q12.ts";
import { q13, q13_bids } from "./queries/q13.ts";
import { q14 } from "./queries/q14.ts";
import { q15 } from "./queries/q15.ts";
import { q16 } from "./queries/q16.ts";
import { q17 } from "./queries/q17.ts";
import { q18 } from "./queries/q18.ts";
import { q19 } from "./queries/q19.ts";
import { q20 } from "./queries/q20.ts";

const wanted = process.env["NEXMARK"]?.split(",");

/** What serves a query begins with its name: `q5_counts` is for `q5`. */
function chosen<T>(all: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const isChosen = (name: string): boolean =>
    wanted === undefined || wanted.includes(name.split("_")[0] ?? name);
  return Object.fromEntries(Object.entries(all).filter(([name]) => isChosen(name)));
}

export default defineProject({
  name: "nexmark",
  datasets: { person, auction, bid, arriving_bid, side_input },
  streams: chosen({
    ...{ q0, q1, q2, q3, q4_bids, q6_bids, q8_sellers, q9_bids, q13_bids, q13, q14, q20 },
  }),
  windows: chosen({
    ...{ q4_finals, q4, q5_counts, q5, q6_finals, q6, q7, q8, q9 },
    ...{ q11, q12, q15, q16, q17, q18, q19 },
  }),
});
