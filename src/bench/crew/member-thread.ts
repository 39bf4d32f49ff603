/** Runs in a thread: carries one share of a load. */
import { parentPort } from "node:worker_threads";
import { Load } from "../load/load.ts";
import { soloCrew } from "./crew.ts";
import { Member } from "./member.ts";
import { type Order } from "./orders.ts";

const member = new Member({
  openCrew: async ({ load }) => soloCrew(await Load.open(load)),
  report: (report) => parentPort?.postMessage(report),
});
parentPort?.on("message", (order: Order) => member.take(order));
