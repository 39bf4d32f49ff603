/** `kurobe bench structures`: lists, hashes, sets and the rest, at several sizes. */
import { LOAD_OPTIONS, readLoadPlan, readPrefix } from "../bench/load-options.ts";
import { openTargets, TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { readStructurePlans, STRUCTURE_OPTIONS } from "../bench/workload-options.ts";
import { defineCommand } from "../command.ts";

export const benchStructures = defineCommand({
  name: "bench structures",
  summary: "Measure lists, hashes, sets, sorted sets, streams and more, at several sizes",
  description: [
    "For each structure and each size, keys are filled with so many elements and all operations of the structure " +
      "run with equal weights; each operation has its own latencies. A push goes with a pop and a removal with an " +
      "addition, so that structures keep their size.",
    "Operations of one run share connections: those behind a slow one wait for it. With --each every operation has a " +
      "run of its own.",
    "Transactions and Lua scripts are measured the same way: transaction, script.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    ...STRUCTURE_OPTIONS,
    ...LOAD_OPTIONS,
    ...TARGET_OPTIONS,
  },
  examples: [
    {
      prose: "Sorted sets of three sizes",
      line: "kurobe bench structures --start valkey --structures zset --sizes 10,1000,10000",
    },
    {
      prose: "Everything, two seconds each",
      line: "kurobe bench structures redis://127.0.0.1:6379 -d 2s",
    },
  ],
  run: async ({ options, positionals, terminal, output }) => {
    const { runBenchmark } = await import("../bench/run-benchmark.ts");
    const load = readLoadPlan(options);
    const chosen = await readStructurePlans(options, readPrefix(options));
    const plans = chosen.map((each) => ({ ...load, ...each }));
    await using opened = await openTargets(options, positionals, terminal);
    await runBenchmark({ targets: opened.targets, plans, options, terminal, output });
  },
});
