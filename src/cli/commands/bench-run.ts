/** `kurobe bench run`: a workload of one's own. */
import { LOAD_OPTIONS, readLoadPlan, readPrefix } from "../bench/load-options.ts";
import { openTargets, TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { readCustomPlan } from "../bench/workload-options.ts";
import { defineCommand } from "../command.ts";

export const benchRun = defineCommand({
  name: "bench run",
  summary: "Measure a workload of your own, from a small file",
  description: [
    "The file (YAML, JSON or TypeScript) names keyspaces with the commands that fill them, and operations with " +
      "weights, commands and the kind of reply that they expect. Placeholders in commands become keys, members, " +
      "values, random numbers, counters and choices: GET {key}, ZADD {key} {rand:100} {member}. " +
      "docs/bench-workloads.md has all of them.",
    "Each operation has its own latencies, hits and errors. The keys are deleted after the run.",
  ],
  positionals: [
    { name: "workload", prose: "The file: .yaml, .yml, .json, .ts, .mts, .js or .mjs." },
    TARGET_POSITIONAL,
  ],
  options: { ...LOAD_OPTIONS, ...TARGET_OPTIONS },
  examples: [
    { prose: "On a server that runs", line: "kurobe bench run shop.yaml redis://127.0.0.1:6379" },
    {
      prose: "On two local engines, at a rate",
      line: "kurobe bench run shop.yaml --start redis,valkey --rate 20k",
    },
  ],
  run: async ({ options, positionals, terminal, output }) => {
    const { runBenchmark } = await import("../bench/run-benchmark.ts");
    const [path = "", ...targets] = positionals;
    const load = readLoadPlan(options);
    const plans = [{ ...load, ...(await readCustomPlan(path, readPrefix(options), terminal)) }];
    await using opened = await openTargets(options, targets, terminal);
    await runBenchmark({ targets: opened.targets, plans, options, terminal, output });
  },
});
