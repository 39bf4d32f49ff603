/** `kurobe bench ycsb`: the mixes that databases are compared with. */
import { LOAD_OPTIONS, readLoadPlan, readPrefix } from "../bench/load-options.ts";
import { openTargets, TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { readYcsbPlans } from "../bench/workload-options.ts";
import { defineCommand } from "../command.ts";

export const benchYcsb = defineCommand({
  name: "bench ycsb",
  summary: "Measure YCSB's workloads A to F",
  description: [
    "Records are hashes of ten fields of 100 bytes; keys follow a Zipf distribution with 0.99, D asks for the " +
      "newest ones. A: half reads, half updates. B: 95 % reads. C: reads alone. D: reads of what was just inserted. " +
      "E: scans of up to 100 members of a sorted set. F: reads, half of them followed by a write of the record.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    workloads: {
      kind: "text",
      value: "letters",
      prose: "Which ones.",
      defaultProse: "a,b,c,d,e,f",
    },
    keys: { kind: "text", short: "k", value: "n", prose: "Records.", defaultProse: "100k" },
    ...LOAD_OPTIONS,
    ...TARGET_OPTIONS,
  },
  examples: [
    { prose: "All six on two engines", line: "kurobe bench ycsb --start redis,valkey -d 5s" },
    {
      prose: "Read-mostly at a fixed rate",
      line: "kurobe bench ycsb redis://127.0.0.1:6379 --workloads b --rate 20k",
    },
  ],
  run: async ({ options, positionals, terminal, output }) => {
    const { runBenchmark } = await import("../bench/run-benchmark.ts");
    const load = readLoadPlan(options);
    const chosen = await readYcsbPlans(options.workloads, options.keys, readPrefix(options));
    const plans = chosen.map((each) => ({ ...load, ...each }));
    await using opened = await openTargets(options, positionals, terminal);
    await runBenchmark({ targets: opened.targets, plans, options, terminal, output });
  },
});
