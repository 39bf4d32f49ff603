/**
 * The queries of Nexmark as one project: a query is a window of its own name. `NEXMARK=q11,q15`
 * leaves the others out.
 */
import { defineProject, type WindowDefinition } from "kurobe";
import { auction, bid, person } from "./datasets.ts";
import { q11 } from "./queries/q11.ts";
import { q15 } from "./queries/q15.ts";
import { q16 } from "./queries/q16.ts";
import { q17 } from "./queries/q17.ts";
import { q18 } from "./queries/q18.ts";

const all: Readonly<Record<string, WindowDefinition>> = { q11, q15, q16, q17, q18 };
const chosen = process.env["NEXMARK"]?.split(",");

export default defineProject({
  name: "nexmark",
  datasets: { person, auction, bid },
  windows: Object.fromEntries(
    Object.entries(all).filter(([name]) => chosen === undefined || chosen.includes(name)),
  ),
});
