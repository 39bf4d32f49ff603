/** `kurobe bench pubsub`: messages from publishers to all who listen. */
import {
  LOAD_OPTIONS,
  type LoadOptionValues,
  readLoadPlan,
  readPrefix,
} from "../bench/load-options.ts";
import { openTargets, TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { PUBSUB_OPTIONS } from "../bench/workload-options.ts";
import { defineCommand } from "../command.ts";

/** Publishers on other machines would write times of other clocks into their messages. */
const { pipeline, rate, arrival, duration, requests, warmup, timeout, seed, prefix } = LOAD_OPTIONS;
const { output: folder, "no-output": noOutput } = LOAD_OPTIONS;
const UNUSED: LoadOptionValues = {
  ...{ connections: undefined, threads: undefined, agents: undefined, pipeline: undefined },
  ...{ rate: undefined, arrival: undefined, sweep: undefined, "max-p99": undefined },
  ...{ duration: undefined, requests: undefined, warmup: undefined, timeout: undefined },
  ...{ seed: undefined, prefix: undefined, "no-fill": true, "keep-keys": true },
  ...{ output: undefined, "no-output": false },
};

export const benchPubsub = defineCommand({
  name: "bench pubsub",
  summary: "Measure publishing and subscribing: fan-out, latency, lost messages",
  description: [
    "Publishers send to channels drawn at random; every subscriber listens to some of them on a connection of its " +
      "own. Each message carries the time at which it was sent (with --rate: at which it was due), so that latency " +
      "is the whole way from publisher to subscriber. The figures of the run are those of delivery; PUBLISH has " +
      "its own.",
    "Expected are published messages times the subscribers of a channel. What never came is counted as " +
      "lost_message: engines cut off subscribers that read too slowly, and those that reconnect have missed " +
      "something.",
    "--sharded publishes with SPUBLISH: in a cluster each channel belongs to the node that owns its slot, publishers " +
      "send to channels of their node, and a subscriber has a connection to each node that owns one of its " +
      "channels. --patterns subscribes by PSUBSCRIBE, with a pattern for each channel that matches nothing else.",
    "Publishers and subscribers share one thread of this machine: where it is the limit, the result says so.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    ...PUBSUB_OPTIONS,
    "message-size": { ...PUBSUB_OPTIONS["message-size"], short: "s" },
    ...{ pipeline, rate, arrival, duration, requests, warmup, timeout, seed, prefix },
    ...{ output: folder, "no-output": noOutput },
    ...TARGET_OPTIONS,
  },
  examples: [
    {
      prose: "One channel, 100 listeners, 1,000 messages a second",
      line: "kurobe bench pubsub --start redis,valkey --subscribers 100 --rate 1k",
    },
    {
      prose: "Many channels, each with two listeners, as fast as it goes",
      line: "kurobe bench pubsub redis://127.0.0.1:6379 --channels 50 --subscribers 100 --subscriptions 1",
    },
    {
      prose: "Sharded channels on all masters of a cluster",
      line: "kurobe bench pubsub redis://10.0.0.1 --cluster --sharded --channels 96 --subscribers 32 --subscriptions 6",
    },
  ],
  run: async ({ options, positionals, terminal, output }) => {
    const { runBenchmark } = await import("../bench/run-benchmark.ts");
    const { readPubsubPlan } = await import("../bench/workload-options.ts");
    const load = { ...UNUSED, ...options, connections: options.publishers ?? "10" };
    const chosen = await readPubsubPlan(options, readPrefix(load));
    await using opened = await openTargets(options, positionals, terminal);
    const plans = [{ ...readLoadPlan(load), ...chosen }];
    await runBenchmark({ targets: opened.targets, plans, options: load, terminal, output });
  },
});
