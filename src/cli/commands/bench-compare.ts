/** `kurobe bench compare`: which of two engines is faster, as far as this machine can tell. */
import { Lifetime } from "../../core/lifetime.ts";
import { COMPARED_LOAD_OPTIONS } from "../bench/comparison-options.ts";
import { readCount, readLengthMs, readShare } from "../bench/read-options.ts";
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
    "Writes a result file for each target, and a report beside them. No CONFIG command is needed.",
  ],
  positionals: [TARGET_POSITIONAL],
  options: {
    pairs: { kind: "text", value: "n", prose: "Pairs of slices.", defaultProse: "100" },
    slice: { kind: "text", value: "time", prose: "Length of a slice.", defaultProse: "100ms" },
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
  ],
  run: async ({ options, positionals, terminal, output }) => {
    const { openLanes } = await import("../bench/comparison-options.ts");
    const { openTargets } = await import("../bench/target-options.ts");
    const { runComparison } = await import("../bench/run-comparison.ts");
    const sliceMs = readLengthMs("slice", options.slice ?? "100ms");
    const pairs = readCount("pairs", options.pairs ?? "100", 1, 100_000);
    const minEffect = readShare("min-effect", options["min-effect"] ?? "2%");
    const warmupMs = readLengthMs("warmup", options.warmup ?? "1s");
    await using lifetime = new Lifetime();
    const { targets } = lifetime.own(await openTargets(options, positionals, terminal));
    const twinEngine = positionals.length > 0 ? undefined : options.start?.split(",")[0];
    const lanes = await openLanes(targets, twinEngine, { options, warmupMs }, lifetime);
    await runComparison({
      targets: lanes,
      pairs,
      sliceMs,
      minEffect,
      seed: readCount("seed", options.seed ?? "1", 0, Number.MAX_SAFE_INTEGER),
      folder: options["no-output"] ? null : (options.output ?? "bench-results"),
      report: options.report,
      md: options.md,
      terminal,
      output,
    });
  },
});
