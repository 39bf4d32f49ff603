/** What is compared under which load: options of `bench compare`, and the lanes that follow. */
import { randomBytes } from "node:crypto";
import { type LocalServer, startLocalServer } from "../../bench/target/local-server.ts";
import { type PairedTarget } from "../../bench/run/run-pairs.ts";
import { kvWorkload } from "../../bench/workload/kv.ts";
import { type Lifetime } from "../../core/lifetime.ts";
import { type OptionSpecs, type OptionValues } from "../command.ts";
import { readCount, readMix, readValueSize, usage } from "./read-options.ts";
import { type OpenTarget } from "./target-options.ts";

export const COMPARED_LOAD_OPTIONS = {
  mix: {
    kind: "text",
    value: "weights",
    prose: "Weights of get, set, mget, mset, incr, expire, del.",
    defaultProse: "get=80,set=20",
  },
  keys: { kind: "text", short: "k", value: "n", prose: "Keys.", defaultProse: "100k" },
  "value-size": {
    kind: "text",
    short: "s",
    value: "size",
    prose: "Bytes: 64, 16-1024, or sizes with weights 64:80,1KiB:20.",
    defaultProse: "64",
  },
  connections: { kind: "text", short: "c", value: "n", prose: "Connections.", defaultProse: "50" },
  pipeline: {
    kind: "text",
    short: "P",
    value: "n",
    prose: "Operations in one write of a connection.",
    defaultProse: "1",
  },
  seed: { kind: "text", value: "n", prose: "Decides keys, values and order.", defaultProse: "1" },
} as const satisfies OptionSpecs;

export interface ComparedLoad {
  readonly options: OptionValues<typeof COMPARED_LOAD_OPTIONS>;
  readonly warmupMs: number;
}

/**
 * A lane for each target, and one that repeats the first, so that the noise between equals is
 * known. Where the first was started here, its twin is a process of its own, because two processes
 * of one program differ, too.
 */
export async function openLanes(
  targets: readonly OpenTarget[],
  twinEngine: string | undefined,
  load: ComparedLoad,
  lifetime: Lifetime,
): Promise<readonly PairedTarget[]> {
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
  const planFor = planOf(load);
  const twinName = `${first.target.name} again`;
  const server: LocalServer | undefined =
    twinEngine === undefined
      ? undefined
      : lifetime.own(await startLocalServer({ engine: twinEngine, core: 0, name: twinName }));
  const twin = server?.target ?? { ...first.target, name: twinName };
  return [
    ...targets.map(({ target, pinning }) => ({ plan: planFor(target), twinOf: null, pinning })),
    {
      plan: { ...planFor(twin), isFilled: server !== undefined, isCleaned: server !== undefined },
      twinOf: first.target.name,
      pinning: first.pinning,
    },
  ];
}

function planOf({ options, warmupMs }: ComparedLoad) {
  const workload = kvWorkload({
    mix: readMix(options.mix ?? "get=80,set=20"),
    keyCount: readCount("keys", options.keys ?? "100k"),
    distribution: { kind: "uniform" },
    value: readValueSize(options["value-size"] ?? "64"),
    hitRatio: 1,
    ttlSeconds: 0,
    batch: 10,
    prefix: `kurobe:${randomBytes(4).toString("hex")}:`,
  });
  const shared = {
    workload,
    kind: "kv",
    labels: {},
    connections: readCount("connections", options.connections ?? "50", 1, 10_000),
    depth: readCount("pipeline", options.pipeline ?? "1", 1, 10_000),
    workers: 1,
    pace: { kind: "closed" },
    durationMs: Number.POSITIVE_INFINITY,
    requests: Number.POSITIVE_INFINITY,
    warmupMs,
    timeoutMs: 5000,
    seed: readCount("seed", options.seed ?? "1", 0, Number.MAX_SAFE_INTEGER),
    isFilled: true,
    isCleaned: true,
  } as const;
  return (target: OpenTarget["target"]) => ({ ...shared, target });
}
