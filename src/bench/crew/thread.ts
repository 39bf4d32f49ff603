/** A member that is a thread of this process. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { type LoadOptions } from "../load/load.ts";
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
  });
}

function startThread(name: string): MemberLink {
  const worker = newWorker();
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

function newWorker(): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  const module = new URL(`./member-thread.${isSource ? "ts" : "js"}`, import.meta.url);
  if (!isSource) return new Worker(module);
  // Threads of Node 20 know no loader: from source, the first thing that they do is to take one.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx/package.json"));
  const loader = new URL("dist/esm/api/index.mjs", tsx).href;
  const code =
    `import(${JSON.stringify(loader)})` +
    `.then(({ register }) => { register(); return import(${JSON.stringify(module.href)}); })`;
  return new Worker(code, { eval: true });
}
