/** `kurobe bench kv`: keys and values. */
import { LOAD_OPTIONS, readLoadPlan, readPrefix } from "../bench/load-options.ts";
import {
  DISTRIBUTION_PROSE,
  readCount,
  readDistribution,
  readLengthMs,
  readMix,
  readShare,
  readValueSize,
  usage,
} from "../bench/read-options.ts";
import { openTargets, TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { defineCommand } from "../command.ts";

export const benchKv = defineCommand({
  name: "bench kv",
  summary: "Measure keys and values: GET, SET and their like",
  description: [
    "Makes the keys, warms up, measures, deletes the keys again. Each target is measured in turn; to know which " +
      "of two is faster, use kurobe bench compare, which takes the noise of the machine into account.",
    "Without --rate it sends as fast as replies come (closed loop), which tells the highest throughput, and hides " +
      "how a stall feels. With --rate operations are due at fixed times and latency counts from then.",
    "Failed operations are counted and do not stop the run. Ctrl-C ends it with a valid partial result.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    mix: {
      kind: "text",
      value: "weights",
      prose: "Weights of get, set, mget, mset, incr, expire, del.",
      defaultProse: "get=80,set=20",
    },
    keys: { kind: "text", short: "k", value: "n", prose: "Keys.", defaultProse: "100k" },
    distribution: {
      kind: "text",
      value: "word",
      prose: `Which keys are asked for: ${DISTRIBUTION_PROSE}`,
      defaultProse: "uniform",
    },
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
      prose: "Share of GETs whose key exists.",
      defaultProse: "1",
    },
    ttl: { kind: "text", value: "time", prose: "Values expire after this.", defaultProse: "never" },
    batch: { kind: "text", value: "n", prose: "Keys of one MGET or MSET.", defaultProse: "10" },
    ...LOAD_OPTIONS,
    ...TARGET_OPTIONS,
  },
  examples: [
    { prose: "Two local engines, started for it", line: "kurobe bench kv --start redis,valkey" },
    {
      prose: "20,000 operations a second, as users would send them",
      line: "kurobe bench kv redis://cache.internal:6379 --rate 20k --arrival poisson -d 60s",
    },
    {
      prose: "A cluster with TLS and a user",
      line: "kurobe bench kv rediss://my.cache:6379 --cluster --user app --password-env PASSWORD",
    },
    {
      prose: "Mostly hits on few keys, values of many sizes",
      line: "kurobe bench kv --start valkey --distribution zipfian --value-size 64:80,1KiB:20",
    },
  ],
  run: async ({ options, positionals, terminal, output }) => {
    const { kvWorkload } = await import("../../bench/workload/kv.ts");
    const { runBenchmark } = await import("../bench/run-benchmark.ts");
    const plan = readLoadPlan(options);
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
      prefix: readPrefix(options),
    });
    await using opened = await openTargets(options, positionals, terminal);
    const plans = [{ ...plan, workload, kind: "kv", labels: {} }];
    await runBenchmark({ targets: opened.targets, plans, options, terminal, output });
  },
});
