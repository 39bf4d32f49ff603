/** How hard, how long and with which random numbers: the same for all benchmark verbs. */
import { randomBytes } from "node:crypto";
import { type Pace } from "../../bench/load/run-lanes.ts";
import { type RunPlan } from "../../bench/run/run-plan.ts";
import { type OptionSpecs, type OptionValues } from "../command.ts";
import { readCount, readLengthMs, usage } from "./read-options.ts";

export const LOAD_OPTIONS = {
  connections: { kind: "text", short: "c", value: "n", prose: "Connections.", defaultProse: "50" },
  threads: {
    kind: "text",
    short: "t",
    value: "n",
    prose: "Threads that share the connections; for servers that are faster than one of them.",
    defaultProse: "1",
  },
  pipeline: {
    kind: "text",
    short: "P",
    value: "n",
    prose: "Operations in one write of a connection.",
    defaultProse: "1",
  },
  rate: {
    kind: "text",
    value: "n",
    prose:
      "Operations a second that are due whatever the server does (open loop); latency counts from then.",
    defaultProse: "as fast as it goes (closed loop)",
  },
  arrival: {
    kind: "text",
    value: "word",
    choices: ["constant", "poisson"],
    prose: "How operations of an open loop follow each other.",
    defaultProse: "constant",
  },
  duration: { kind: "text", short: "d", value: "time", prose: "Length.", defaultProse: "10s" },
  requests: { kind: "text", short: "n", value: "n", prose: "End after so many operations." },
  warmup: {
    kind: "text",
    value: "time",
    prose: "Load before the measurement.",
    defaultProse: "1s",
  },
  timeout: {
    kind: "text",
    value: "time",
    prose: "An operation without reply counts as an error after this.",
    defaultProse: "5s",
  },
  seed: {
    kind: "text",
    value: "n",
    prose: "Decides every key, value and order of operations.",
    defaultProse: "1",
  },
  prefix: {
    kind: "text",
    value: "text",
    prose: "In front of all keys.",
    defaultProse: "a new one for each run; its keys are deleted after it",
  },
  "no-fill": { kind: "switch", prose: "The keys are there already: make none." },
  "keep-keys": { kind: "switch", prose: "Do not delete the keys after the run." },
  output: {
    kind: "text",
    short: "o",
    value: "folder",
    prose: "Where a result file for each target goes.",
    defaultProse: "bench-results",
  },
  "no-output": { kind: "switch", prose: "Write no result files." },
} as const satisfies OptionSpecs;

export type LoadOptionValues = OptionValues<typeof LOAD_OPTIONS>;

/** The part of a plan that has nothing to do with target and workload. */
export type LoadPlan = Omit<RunPlan, "target" | "workload" | "kind" | "labels">;

export function readLoadPlan(options: LoadOptionValues): LoadPlan {
  const { duration, requests } = options;
  if (duration !== undefined && requests !== undefined) {
    throw usage("--duration and --requests do not go together");
  }
  return {
    connections: readCount("connections", options.connections ?? "50", 1, 10_000),
    depth: readCount("pipeline", options.pipeline ?? "1", 1, 10_000),
    workers: readThreads(options),
    pace: readPace(options),
    durationMs:
      requests === undefined
        ? readLengthMs("duration", duration ?? "10s")
        : Number.POSITIVE_INFINITY,
    requests: requests === undefined ? Number.POSITIVE_INFINITY : readCount("requests", requests),
    warmupMs: readLengthMs("warmup", options.warmup ?? "1s"),
    timeoutMs: readLengthMs("timeout", options.timeout ?? "5s"),
    seed: readCount("seed", options.seed ?? "1", 0, Number.MAX_SAFE_INTEGER),
    isFilled: !options["no-fill"],
    isCleaned: !options["keep-keys"],
  };
}

function readThreads({ threads = "1", connections = "50" }: LoadOptionValues): number {
  const count = readCount("threads", threads, 1, 256);
  if (count <= readCount("connections", connections, 1, 10_000)) return count;
  throw usage(
    `--threads ${threads} is more than the ${connections} connections`,
    "Each thread needs a connection of its own: raise --connections.",
  );
}

export function readPrefix({ prefix }: LoadOptionValues): string {
  if (prefix === undefined) return `kurobe:${randomBytes(4).toString("hex")}:`;
  if (prefix !== "" && !/[{}\s]/.test(prefix)) return prefix;
  throw usage("--prefix takes no braces and no spaces: they decide on slots of a cluster");
}

export function readPace({ rate, arrival }: Pick<LoadOptionValues, "rate" | "arrival">): Pace {
  if (rate === undefined) {
    if (arrival !== undefined) throw usage("--arrival belongs to an open loop: add --rate");
    return { kind: "closed" };
  }
  return {
    kind: "open",
    perSecond: readCount("rate", rate, 1, 10_000_000),
    arrival: arrival === "poisson" ? "poisson" : "constant",
  };
}
