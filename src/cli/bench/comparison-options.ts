/** What is compared under which load: options of `bench compare`, and the lanes that follow. */
import { randomBytes } from "node:crypto";
import { type PairedTarget } from "../../bench/run/run-pairs.ts";
import { type LocalServer, startLocalServer } from "../../bench/target/local-server.ts";
import { type Workload } from "../../bench/workload/workload.ts";
import { type Lifetime } from "../../core/lifetime.ts";
import { type OptionSpecs, type OptionValues } from "../command.ts";
import { type Terminal } from "../terminal.ts";
import { LOAD_OPTIONS, type LoadPlan, readPace, readThreads } from "./load-options.ts";
import { readCount, readLengthMs, usage } from "./read-options.ts";
import { type OpenTarget } from "./target-options.ts";
import {
  KV_OPTIONS,
  readCustomPlan,
  readKvPlan,
  readStructurePlans,
  readYcsbPlans,
  STRUCTURE_OPTIONS,
  PUBSUB_OPTIONS,
  readPubsubPlan,
  type WorkloadPlan,
} from "./workload-options.ts";

const { connections, threads, agents, pipeline, rate, arrival, timeout, seed } = LOAD_OPTIONS;
const { sizes, only, each } = STRUCTURE_OPTIONS;

export const COMPARED_LOAD_OPTIONS = {
  connections,
  threads,
  agents,
  pipeline,
  rate,
  arrival,
  timeout,
  seed,
} as const satisfies OptionSpecs;

export const COMPARED_WORKLOAD_OPTIONS = {
  ...KV_OPTIONS,
  keys: { ...KV_OPTIONS.keys, defaultProse: "100k, 1000 of structures" },
  structures: {
    kind: "text",
    value: "names",
    prose: "Compare data structures: list,zset, as in kurobe bench structures, or all.",
  },
  sizes,
  only,
  each,
  ycsb: { kind: "text", value: "letters", prose: "Compare YCSB's workloads: a,b,f." },
  workload: {
    kind: "text",
    value: "file",
    isMultiple: true,
    prose: "Compare a workload of your own, as in kurobe bench run; may be given several times.",
  },
  pubsub: { kind: "switch", prose: "Compare publishing and subscribing." },
  ...PUBSUB_OPTIONS,
} as const satisfies OptionSpecs;

type WorkloadOptions = OptionValues<typeof COMPARED_WORKLOAD_OPTIONS>;

/** Keys and values, unless other workloads are asked for; with `--mix`, in front of them. */
export async function readComparedWorkloads(
  options: WorkloadOptions,
  terminal: Terminal,
): Promise<readonly WorkloadPlan[]> {
  const prefix = `kurobe:${randomBytes(4).toString("hex")}:`;
  const { structures, ycsb, workload: files, pubsub } = options;
  const hasOthers = structures !== undefined || ycsb !== undefined || files.length > 0 || pubsub;
  const forStructures = options.each || (options.sizes ?? options.only) !== undefined;
  if (structures === undefined && forStructures) {
    throw usage("--sizes, --only and --each belong to data structures: add --structures");
  }
  const forPubsub = Object.keys(PUBSUB_OPTIONS) as (keyof typeof PUBSUB_OPTIONS)[];
  const isGiven = (value: string | boolean | undefined): boolean =>
    value !== undefined && value !== false;
  const stray = forPubsub.find((name) => isGiven(options[name]));
  if (!pubsub && stray !== undefined) throw usage(`--${stray} belongs to --pubsub: add it`);
  const custom: WorkloadPlan[] = [];
  for (const file of files) custom.push(await readCustomPlan(file, prefix, terminal));
  return [
    ...(hasOthers && options.mix === undefined ? [] : [await readKvPlan(options, prefix)]),
    ...(structures === undefined ? [] : await readStructurePlans(options, prefix)),
    ...(ycsb === undefined ? [] : await readYcsbPlans(ycsb, options.keys, prefix)),
    ...custom,
    ...(pubsub ? [await readPubsubPlan(options, prefix)] : []),
  ];
}

export function readComparedLoad(
  options: OptionValues<typeof COMPARED_LOAD_OPTIONS>,
  warmupMs: number,
): LoadPlan {
  return {
    connections: readCount("connections", options.connections ?? "50", 1, 10_000),
    depth: readCount("pipeline", options.pipeline ?? "1", 1, 10_000),
    workers: readThreads(options),
    pace: readPace(options),
    durationMs: Number.POSITIVE_INFINITY,
    requests: Number.POSITIVE_INFINITY,
    warmupMs,
    timeoutMs: readLengthMs("timeout", options.timeout ?? "5s"),
    seed: readCount("seed", options.seed ?? "1", 0, Number.MAX_SAFE_INTEGER),
    isFilled: true,
    isCleaned: true,
  };
}

export interface ComparedLane extends OpenTarget {
  readonly twinOf: string | null;
  /** The first target once more: its server has the keys already. */
  readonly sharesKeys: boolean;
}

/**
 * A lane for each target, and one that repeats the first, so that the noise between equals is
 * known. Where the first was started here, its twin is a process of its own, because two processes
 * of one program differ, too.
 */
export async function openLanes(
  targets: readonly OpenTarget[],
  twinEngine: string | undefined,
  lifetime: Lifetime,
): Promise<readonly ComparedLane[]> {
  const [first] = targets;
  if (first === undefined || targets.length < 2) {
    throw usage(
      "A comparison needs two engines",
      "Name two: redis=URL valkey=URL, or --start redis,valkey.",
    );
  }
  const names = targets.map(({ target }) => target.name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    throw usage(`Two targets are called ${twice}`, "Give them names: before=URL after=URL.");
  }
  const twinName = `${first.target.name} again`;
  const server: LocalServer | undefined =
    twinEngine === undefined
      ? undefined
      : lifetime.own(await startLocalServer({ engine: twinEngine, core: 0, name: twinName }));
  return [
    ...targets.map((each) => ({ ...each, twinOf: null, sharesKeys: false })),
    {
      target: server?.target ?? { ...first.target, name: twinName },
      pinning: first.pinning,
      twinOf: first.target.name,
      sharesKeys: server === undefined,
    },
  ];
}

/** One workload on all lanes. */
export function pairedTargets(
  lanes: readonly ComparedLane[],
  load: LoadPlan,
  chosen: WorkloadPlan,
): readonly PairedTarget[] {
  return lanes.map(({ target, pinning, twinOf, sharesKeys }, index) => {
    const plan = { ...load, ...chosen, target };
    if (chosen.workload.audience !== undefined) {
      // Who listens on one server must not hear what others there are told.
      const prefix = `${chosen.workload.prefix}${index}:`;
      return { plan: { ...plan, workload: { ...chosen.workload, prefix } }, twinOf, pinning };
    }
    if (!sharesKeys) return { plan, twinOf, pinning };
    // Keys made during the run would be there already when the twin makes the same ones.
    const workload = makesKeys(chosen.workload)
      ? { ...chosen.workload, prefix: `${chosen.workload.prefix}twin:` }
      : undefined;
    if (workload !== undefined) return { plan: { ...plan, workload }, twinOf, pinning };
    return { plan: { ...plan, isFilled: false, isCleaned: false }, twinOf, pinning };
  });
}

function makesKeys({ operations }: Workload): boolean {
  return operations.some(({ steps }) => steps.flat().some((arg) => arg.includes("{newkey}")));
}
