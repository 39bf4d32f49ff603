/** How hard, how long and with which random numbers: the same for all benchmark verbs. */
import { randomBytes } from "node:crypto";
import { checkToken, readAgentAddress } from "../../bench/crew/agent-wire.ts";
import { type AgentsPlan } from "../../bench/crew/agents-crew.ts";
import { type Pace } from "../../bench/load/run-lanes.ts";
import { type SweepPlan } from "../../bench/run/sweep.ts";
import { ownIdentity } from "../../bench/run/agent-identity.ts";
import { type RunPlan } from "../../bench/run/run-plan.ts";
import { type OptionSpecs, type OptionValues } from "../command.ts";
import { type Terminal } from "../terminal.ts";
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
  agents: {
    kind: "text",
    value: "host:port,…",
    prose:
      "Machines where kurobe bench agent runs: they share connections and rate, this one makes the keys. " +
      "KUROBE_BENCH_TOKEN is theirs.",
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
  sweep: {
    kind: "text",
    value: "from-to",
    prose:
      "Raise the rate until the target does not keep up: 1k-1m. The highest rate of which 99 % is done, " +
      "with a p99 within --max-p99, is the knee.",
  },
  "max-p99": {
    kind: "text",
    value: "time",
    prose: "Of a sweep: rates with a higher p99, from when operations were due, fail.",
    defaultProse: "10ms",
  },
  duration: {
    kind: "text",
    short: "d",
    value: "time",
    prose: "Length; in a sweep, of each rate.",
    defaultProse: "10s, in a sweep 3s",
  },
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
  const isSweep = options.sweep !== undefined;
  if (isSweep && (requests !== undefined || options.rate !== undefined)) {
    throw usage("--sweep sets rates and lengths itself: leave out --rate and --requests");
  }
  return {
    connections: readCount("connections", options.connections ?? "50", 1, 10_000),
    depth: readCount("pipeline", options.pipeline ?? "1", 1, 10_000),
    workers: readThreads(options),
    pace: readPace(options),
    durationMs:
      requests === undefined
        ? readLengthMs("duration", duration ?? (isSweep ? "3s" : "10s"))
        : Number.POSITIVE_INFINITY,
    requests: requests === undefined ? Number.POSITIVE_INFINITY : readCount("requests", requests),
    warmupMs: readLengthMs("warmup", options.warmup ?? "1s"),
    timeoutMs: readLengthMs("timeout", options.timeout ?? "5s"),
    seed: readCount("seed", options.seed ?? "1", 0, Number.MAX_SAFE_INTEGER),
    isFilled: !options["no-fill"],
    isCleaned: !options["keep-keys"],
  };
}

/** Rates are doubled, and then halved between good and bad until they are 5 % apart. */
const SWEEP_STEPS = { factor: 2, precision: 0.05 } as const;

/** Undefined without `--sweep`. */
export function readSweep(options: LoadOptionValues): SweepPlan | undefined {
  const { sweep, "max-p99": maxP99 } = options;
  if (sweep === undefined) {
    if (maxP99 === undefined) return undefined;
    throw usage("--max-p99 belongs to a sweep: add --sweep 1k-1m");
  }
  const [from = "", to = ""] = sweep.split("-");
  const rates = { from: readCount("sweep", from), to: readCount("sweep", to, 1, 10_000_000) };
  if (rates.from > rates.to) throw usage(`--sweep ${sweep} ends before it begins`);
  return { ...rates, ...SWEEP_STEPS, maxP99Ms: readLengthMs("max-p99", maxP99 ?? "10ms") };
}

export function readThreads({
  threads = "1",
  connections = "50",
  agents,
}: Pick<LoadOptionValues, "threads" | "connections" | "agents">): number {
  const count = readCount("threads", threads, 1, 256);
  const machines = agents?.split(",").length ?? 1;
  if (count * machines <= readCount("connections", connections, 1, 10_000)) return count;
  throw usage(
    `${count * machines} threads are more than the ${connections} connections`,
    "Each thread needs a connection of its own: raise --connections.",
  );
}

export const TOKEN_VARIABLE = "KUROBE_BENCH_TOKEN";

/** Undefined without `--agents`. */
export function readAgents(
  { agents }: Pick<LoadOptionValues, "agents">,
  { environment }: Terminal,
): AgentsPlan | undefined {
  if (agents === undefined) return undefined;
  const addresses = agents.split(",").map((text) => readAgentAddress(text.trim()));
  const token = checkToken(environment[TOKEN_VARIABLE] ?? "");
  return { addresses, token, identity: ownIdentity() };
}

export function readPrefix({ prefix }: LoadOptionValues): string {
  if (prefix === undefined) return `kurobe:${randomBytes(4).toString("hex")}:`;
  if (prefix !== "" && !/[{}\s]/.test(prefix)) return prefix;
  throw usage("--prefix takes no braces and no spaces: they decide on slots of a cluster");
}

export function readPace({
  rate,
  arrival: word,
  sweep,
}: Pick<LoadOptionValues, "rate" | "arrival"> & { readonly sweep?: string | undefined }): Pace {
  const arrival = word === "poisson" ? "poisson" : "constant";
  if (sweep !== undefined) return { kind: "open", perSecond: 1, arrival };
  if (rate === undefined) {
    if (word !== undefined) throw usage("--arrival belongs to an open loop: add --rate");
    return { kind: "closed" };
  }
  return { kind: "open", perSecond: readCount("rate", rate, 1, 10_000_000), arrival };
}
