/** What is sent: options of each kind of workload, for measuring and for comparing alike. */
import { resolve } from "node:path";
import { type RunPlan } from "../../bench/run/run-plan.ts";
import { DISTRIBUTION_PROSE } from "../../bench/workload/read-words.ts";
import { type Operation, type Workload } from "../../bench/workload/workload.ts";
import { type OptionSpecs, type OptionValues } from "../command.ts";
import { type Terminal } from "../terminal.ts";
import {
  readCount,
  readDistribution,
  readLengthMs,
  readMix,
  readShare,
  readValueSize,
  usage,
} from "./read-options.ts";

/** The part of a plan that says what is sent. */
export type WorkloadPlan = Pick<RunPlan, "workload" | "kind" | "labels">;

const DISTRIBUTION_OPTION = {
  kind: "text",
  value: "word",
  prose: `Which keys are asked for: ${DISTRIBUTION_PROSE}`,
  defaultProse: "uniform",
} as const;

export const KV_OPTIONS = {
  mix: {
    kind: "text",
    value: "weights",
    prose: "Weights of get, set, mget, mset, incr, expire, del.",
    defaultProse: "get=80,set=20",
  },
  keys: { kind: "text", short: "k", value: "n", prose: "Keys.", defaultProse: "100k" },
  distribution: DISTRIBUTION_OPTION,
  "value-size": {
    kind: "text",
    short: "s",
    value: "size",
    prose: "Bytes: 64, 16-1024, or sizes with weights 64:80,1KiB:20.",
    defaultProse: "64",
  },
  "hit-ratio": {
    kind: "text",
    value: "share",
    prose: "Share of the keys of GETs and MGETs that exist.",
    defaultProse: "1",
  },
  ttl: { kind: "text", value: "time", prose: "Values expire after this.", defaultProse: "never" },
  batch: { kind: "text", value: "n", prose: "Keys of one MGET or MSET.", defaultProse: "10" },
} as const satisfies OptionSpecs;

export async function readKvPlan(
  options: Partial<OptionValues<typeof KV_OPTIONS>>,
  prefix: string,
): Promise<WorkloadPlan> {
  const { kvWorkload } = await import("../../bench/workload/kv.ts");
  const ttlMs = options.ttl === undefined ? 0 : readLengthMs("ttl", options.ttl);
  if (ttlMs > 0 && ttlMs < 1000) throw usage(`--ttl ${options.ttl ?? ""} is below a second`);
  const workload = kvWorkload({
    mix: readMix(options.mix ?? "get=80,set=20"),
    keyCount: readCount("keys", options.keys ?? "100k"),
    distribution: readDistribution(options.distribution ?? "uniform"),
    value: readValueSize(options["value-size"] ?? "64"),
    hitRatio: readShare("hit-ratio", options["hit-ratio"] ?? "1"),
    ttlSeconds: Math.round(ttlMs / 1000),
    batch: readCount("batch", options.batch ?? "10", 1, 10_000),
    prefix,
  });
  return { workload, kind: "kv", labels: {} };
}

export const STRUCTURE_OPTIONS = {
  structures: {
    kind: "text",
    value: "names",
    prose: "list, hash, set, zset, stream, bitmap, hyperloglog, geo, transaction, script.",
    defaultProse: "all of them",
  },
  sizes: { kind: "text", value: "n,n", prose: "Elements of one key.", defaultProse: "10,1000" },
  only: { kind: "text", value: "names", prose: "Operations by name: ZADD,ZRANK." },
  each: {
    kind: "switch",
    prose: "Run each operation by itself: slow ones then do not hold up the others.",
  },
  keys: { kind: "text", short: "k", value: "n", prose: "Keys.", defaultProse: "1000" },
  distribution: DISTRIBUTION_OPTION,
  "value-size": {
    kind: "text",
    short: "s",
    value: "size",
    prose: "Bytes of one element: 64, 16-1024, 64:80,1KiB:20.",
    defaultProse: "64",
  },
} as const satisfies OptionSpecs;

/** A plan for each structure and size. */
export async function readStructurePlans(
  options: Partial<OptionValues<typeof STRUCTURE_OPTIONS>>,
  prefix: string,
): Promise<readonly WorkloadPlan[]> {
  const { STRUCTURES, structureWorkload } = await import("../../bench/workload/structures.ts");
  const all = STRUCTURES.join(",");
  const words = options.structures === "all" ? all : (options.structures ?? all);
  const structures = words.split(",").map((name) => {
    const structure = STRUCTURES.find((each) => each === name);
    if (structure !== undefined) return structure;
    throw usage(`--structures ${name} is no structure`, `There are ${STRUCTURES.join(", ")}.`);
  });
  const sizes = (options.sizes ?? "10,1000")
    .split(",")
    .map((size) => readCount("sizes", size, 1, 1_000_000));
  const shared = {
    keyCount: readCount("keys", options.keys ?? "1000"),
    distribution: readDistribution(options.distribution ?? "uniform"),
    value: readValueSize(options["value-size"] ?? "64"),
    prefix,
    only: options.only?.split(",") ?? [],
  };
  return structures.flatMap((structure) => {
    const isSized = structure !== "transaction" && structure !== "script";
    return (isSized ? sizes : [1]).flatMap((size) => {
      const together = structureWorkload({ ...shared, structure, size });
      const workloads = options.each === true ? together.operations.map(alone) : [together];
      return workloads.map((workload) => {
        const labels = workload.operations.map(({ name }) => [name, { structure, size }] as const);
        return { workload, kind: "structures", labels: Object.fromEntries(labels) };
      });

      function alone(operation: Operation): Workload {
        return { ...together, name: `${together.name} ${operation.name}`, operations: [operation] };
      }
    });
  });
}

export const PUBSUB_OPTIONS = {
  publishers: { kind: "text", value: "n", prose: "Connections that publish.", defaultProse: "10" },
  subscribers: { kind: "text", value: "n", prose: "Connections that listen.", defaultProse: "10" },
  channels: { kind: "text", value: "n", prose: "Channels.", defaultProse: "1" },
  subscriptions: {
    kind: "text",
    value: "n",
    prose: "Channels that each subscriber listens to.",
    defaultProse: "all of them",
  },
  "message-size": {
    kind: "text",
    value: "n",
    prose: "Bytes of a message, 12 of which hold the time.",
    defaultProse: "64",
  },
  sharded: {
    kind: "switch",
    prose: "SPUBLISH and SSUBSCRIBE: in a cluster a message stays on the node of its channel.",
  },
  patterns: { kind: "switch", prose: "PSUBSCRIBE, with one pattern for each channel." },
} as const satisfies OptionSpecs;

/** Publishers and subscribers share one thread, so that one clock measures both. */
export async function readPubsubPlan(
  options: OptionValues<typeof PUBSUB_OPTIONS>,
  prefix: string,
): Promise<WorkloadPlan & Pick<RunPlan, "connections" | "workers" | "isFilled" | "isCleaned">> {
  const { LEAST_MESSAGE_BYTES, pubsubWorkload } = await import("../../bench/workload/pubsub.ts");
  const { sharded, patterns } = options;
  if (sharded && patterns) {
    throw usage("--sharded and --patterns exclude each other: sharded channels have no patterns");
  }
  const size = options["message-size"] ?? "64";
  const channels = readCount("channels", options.channels ?? "1", 1, 100_000);
  const workload = pubsubWorkload({
    channels,
    subscribers: readCount("subscribers", options.subscribers ?? "10", 1, 10_000),
    subscriptions: readCount("subscriptions", options.subscriptions ?? String(channels)),
    messageBytes: readCount("message-size", size, LEAST_MESSAGE_BYTES, 1_000_000),
    by: sharded ? "shards" : patterns ? "patterns" : undefined,
    prefix,
  });
  const connections = readCount("publishers", options.publishers ?? "10", 1, 10_000);
  const shared = { connections, workers: 1, isFilled: false, isCleaned: false };
  return { workload, kind: "pubsub", labels: {}, ...shared };
}

export async function readYcsbPlans(
  letters: string | undefined,
  keys: string | undefined,
  prefix: string,
): Promise<readonly WorkloadPlan[]> {
  const { YCSB_WORKLOADS, ycsbWorkload } = await import("../../bench/workload/ycsb.ts");
  const keyCount = readCount("keys", keys ?? "100k");
  return (letters ?? YCSB_WORKLOADS.join(",")).split(",").map((word) => {
    const letter = YCSB_WORKLOADS.find((each) => each === word.toLowerCase());
    if (letter === undefined) {
      throw usage(`--workloads ${word} is none of YCSB's`, "Write letters from a to f: a,b,f.");
    }
    return { workload: ycsbWorkload(letter, keyCount, prefix), kind: "ycsb", labels: {} };
  });
}

/** `path` is the user's: from where the command was typed. */
export async function readCustomPlan(
  path: string,
  prefix: string,
  { workingDirectory }: Terminal,
): Promise<WorkloadPlan> {
  const { loadWorkload } = await import("../../bench/workload/load-workload.ts");
  const loaded = await loadWorkload(resolve(workingDirectory, path), prefix);
  return { ...loaded, kind: "custom" };
}
