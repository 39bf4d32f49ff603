/** `kurobe bench kv`: keys and values. */
import { LOAD_OPTIONS, readLoadPlan, readPrefix } from "../bench/load-options.ts";
import { openTargets, TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { KV_OPTIONS, readKvPlan } from "../bench/workload-options.ts";
import { defineCommand } from "../command.ts";

export const benchKv = defineCommand({
  name: "bench kv",
  summary: "Measure keys and values: GET, SET and their like",
  description: [
    "Makes the keys, warms up, measures, deletes the keys again. Each target is measured in turn; to know which " +
      "of two is faster, use kurobe bench compare, which takes the noise of the machine into account.",
    "Without --rate it sends as fast as replies come (closed loop), which tells the highest throughput, and hides " +
      "how a stall feels. With --rate operations are due at fixed times and latency counts from then.",
    "Failed operations are counted and do not stop the run. Ctrl-C ends it with a valid partial result and exit " +
      "code 0; pressed again half a second later it ends at once, with 130 and no result.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    ...KV_OPTIONS,
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
    const { runBenchmark } = await import("../bench/run-benchmark.ts");
    const load = readLoadPlan(options);
    const plans = [{ ...load, ...(await readKvPlan(options, readPrefix(options))) }];
    await using opened = await openTargets(options, positionals, terminal);
    await runBenchmark({ targets: opened.targets, plans, options, terminal, output });
  },
});
