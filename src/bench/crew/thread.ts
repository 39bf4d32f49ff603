/** A member that is a thread of this process. */
import { Worker } from "node:worker_threads";
import { type LoadOptions } from "../load/load.ts";
import { loadingScript } from "../own-code.ts";
import { type Crew } from "./crew.ts";
import { type Lost, type MemberLink, openMemberCrew } from "./member-crew.ts";
import { type Report } from "./orders.ts";

/** Threads hear at once; this is for one that has to wait for a processor. */
const LEAD_MS = 10;

/** As many threads, each with its part of the connections. */
export async function openThreadCrew(load: LoadOptions, threads: number): Promise<Crew> {
  const links = Array.from({ length: threads }, (_, index) => startThread(`thread ${index + 1}`));
  return await openMemberCrew(links, {
    load,
    threads: 1,
    isOneProcess: true,
    leadMs: LEAD_MS,
    number: 0,
    isLinkShared: false,
  });
}

function startThread(name: string): MemberLink {
  const worker = new Worker(loadingScript("member-thread", import.meta.url), { eval: true });
  let listener: (message: Report | Lost) => void = () => undefined;
  let lost: Lost | undefined;
  const end = (why: string): void => {
    lost ??= { kind: "lost", why };
    listener(lost);
  };
  worker.on("message", (report: Report) => listener(report));
  worker.on("error", (error) => end(error.message));
  worker.on("exit", (code) => end(`it ended with code ${code}`));
  return {
    name,
    clockOffsetMs: 0,
    send: (order) => worker.postMessage(order),
    listen(next) {
      listener = next;
      if (lost !== undefined) next(lost);
    },
    async [Symbol.asyncDispose]() {
      listener = () => undefined;
      await worker.terminate();
    },
  };
}
