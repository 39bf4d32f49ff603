/** `kurobe bench compare`: which of two engines is faster, as far as this machine can tell. */
import { Lifetime } from "../../core/lifetime.ts";
import { COMPARED_LOAD_OPTIONS, COMPARED_WORKLOAD_OPTIONS } from "../bench/comparison-options.ts";
import { OPEN_OPTION } from "../bench/open-page.ts";
import { readAgents } from "../bench/load-options.ts";
import { readCount, readLengthMs, readShare, usage } from "../bench/read-options.ts";
import { TARGET_OPTIONS, TARGET_POSITIONAL } from "../bench/target-options.ts";
import { defineCommand } from "../command.ts";

export const benchCompare = defineCommand({
  name: "bench compare",
  summary: "Tell which engine is faster, and whether that is more than noise",
  description: [
    "Runs the targets in turns: a short slice of each, in an order drawn anew for every pair, on warm connections. " +
      "What happens to the machine happens to all of them, so differences of a few per cent can be seen where " +
      "separate runs would need 10 %.",
    "The first target is the baseline. It is measured twice, and no verdict is given for a difference that equals " +
      "show, too. Where nothing is shown it says how small a difference would have been found.",
    "Without more it compares keys and values. --structures, --ycsb and --workload compare many operations in one " +
      "go, workload after workload; chance is corrected for over all of them, and the report has a map by structure " +
      "and size. With --rate operations are due at fixed times, and latencies from then are compared.",
    "Servers that are faster than one thread of the client need more: --threads, or --agents on other machines.",
    "Writes a result file for each workload and target, and a report beside them. No CONFIG command is needed.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    pairs: {
      kind: "text",
      value: "n",
      prose: "Pairs of slices.",
      defaultProse: "as many as 10 s a target hold, 4 s where there are several workloads",
    },
    slice: {
      kind: "text",
      value: "time",
      prose: "Length of a slice.",
      defaultProse: "25ms, 50ms with threads, 200ms with agents, and longer where p99 needs it",
    },
    warmup: {
      kind: "text",
      value: "time",
      prose: "Load on each target before.",
      defaultProse: "1s",
    },
    "min-effect": {
      kind: "text",
      value: "share",
      prose: "Differences below it get no verdict.",
      defaultProse: "2%",
    },
    ...COMPARED_WORKLOAD_OPTIONS,
    ...COMPARED_LOAD_OPTIONS,
    ...TARGET_OPTIONS,
    output: {
      kind: "text",
      short: "o",
      value: "folder",
      prose: "Where result files go.",
      defaultProse: "bench-results",
    },
    "no-output": { kind: "switch", prose: "Write no result files." },
    report: {
      kind: "text",
      value: "file",
      prose: "Where the HTML report goes.",
      defaultProse: "report.html beside the results",
    },
    md: { kind: "text", value: "file", prose: "Write a Markdown summary, too." },
    open: OPEN_OPTION,
  },
  examples: [
    {
      prose: "Two engines that run already",
      line: "kurobe bench compare redis=redis://10.0.0.1 valkey=redis://10.0.0.2",
    },
    {
      prose: "Local ones, started for it, with pipelining",
      line: "kurobe bench compare --start redis,valkey --pipeline 16",
    },
    {
      prose: "Every operation on sorted sets and hashes of three sizes",
      line: "kurobe bench compare --start redis,valkey --structures zset,hash --sizes 10,1000,10000",
    },
    {
      prose: "Latencies at a rate that both can carry",
      line: "kurobe bench compare before=redis://10.0.0.1 after=redis://10.0.0.2 --rate 20k",
    },
  ],
  run: async ({ options, positionals, terminal, output }) => {
    const { openLanes, pairedTargets, readComparedLoad, readComparedWorkloads } =
      await import("../bench/comparison-options.ts");
    const { Agents } = await import("../../bench/crew/agents-crew.ts");
    const { openTargets } = await import("../bench/target-options.ts");
    const { runComparison } = await import("../bench/run-comparison.ts");
    const chosen = await readComparedWorkloads(options, terminal);
    const load = readComparedLoad(options, readLengthMs("warmup", options.warmup ?? "1s"));
    const shared = {
      pairs: given(options.pairs, (text) => readCount("pairs", text, 1, 100_000)),
      sliceMs: given(options.slice, (text) => readLengthMs("slice", text)),
      measuredMs: chosen.length > 1 ? 4000 : 10_000,
      minEffect: readShare("min-effect", options["min-effect"] ?? "2%"),
      seed: load.seed,
      folder: options["no-output"] ? null : (options.output ?? "bench-results"),
      report: options.report,
      md: options.md,
      isOpened: options.open,
      terminal,
      output,
    };
    await using lifetime = new Lifetime();
    const wanted = readAgents(options, terminal);
    if (options.pubsub && (load.workers > 1 || wanted !== undefined)) {
      throw usage("--pubsub goes on in one thread: leave out --threads and --agents");
    }
    const agents = wanted === undefined ? undefined : lifetime.own(await Agents.open(wanted));
    const { targets } = lifetime.own(await openTargets(options, positionals, terminal));
    const twinEngine = positionals.length > 0 ? undefined : options.start?.split(",")[0];
    const lanes = await openLanes(targets, twinEngine, lifetime);
    const workloads = chosen.map((each) => pairedTargets(lanes, load, each));
    await runComparison({ ...shared, workloads, agents });
  },
});

function given(text: string | undefined, read: (text: string) => number): number | undefined {
  return text === undefined ? undefined : read(text);
}
