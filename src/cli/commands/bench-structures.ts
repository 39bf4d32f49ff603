/** `kurobe bench structures`: lists, hashes, sets and the rest, at several sizes. */
import { LOAD_OPTIONS, readLoadPlan, readPrefix } from "../bench/load-options.ts";
import {
  readCount,
  readDistribution,
  readValueSize,
  usage,
  DISTRIBUTION_PROSE,
} from "../bench/read-options.ts";
import { openTargets, TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { defineCommand } from "../command.ts";

export const benchStructures = defineCommand({
  name: "bench structures",
  summary: "Measure lists, hashes, sets, sorted sets, streams and more, at several sizes",
  description: [
    "For each structure and each size, keys are filled with so many elements and all operations of the structure " +
      "run with equal weights; each operation has its own latencies. A push goes with a pop and a removal with an " +
      "addition, so that structures keep their size.",
    "Transactions and Lua scripts are measured the same way: transaction, script.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    structures: {
      kind: "text",
      value: "names",
      prose: "list, hash, set, zset, stream, bitmap, hyperloglog, geo, transaction, script.",
      defaultProse: "all of them",
    },
    sizes: { kind: "text", value: "n,n", prose: "Elements of one key.", defaultProse: "10,1000" },
    only: { kind: "text", value: "names", prose: "Operations by name: ZADD,ZRANK." },
    keys: { kind: "text", short: "k", value: "n", prose: "Keys.", defaultProse: "1000" },
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
      prose: "Bytes of one element: 64, 16-1024, 64:80,1KiB:20.",
      defaultProse: "64",
    },
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
    const { STRUCTURES, structureWorkload } = await import("../../bench/workload/structures.ts");
    const { runBenchmark } = await import("../bench/run-benchmark.ts");
    const load = readLoadPlan(options);
    const names = (options.structures ?? STRUCTURES.join(",")).split(",");
    const structures = names.map((name) => {
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
      prefix: readPrefix(options),
      only: options.only?.split(",") ?? [],
    };
    const cases = structures.flatMap((structure) => {
      const isSized = structure !== "transaction" && structure !== "script";
      return (isSized ? sizes : [1]).map((size) => ({ structure, size }));
    });
    await using opened = await openTargets(options, positionals, terminal);
    const plans = cases.map(({ structure, size }) => {
      const workload = structureWorkload({ ...shared, structure, size });
      const labels = Object.fromEntries(
        workload.operations.map(({ name }) => [name, { structure, size }]),
      );
      return { ...load, workload, kind: "structures", labels } as const;
    });
    await runBenchmark({ targets: opened.targets, plans, options, terminal, output });
  },
});
