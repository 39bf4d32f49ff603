/** `kurobe bench demo`: Redis against Valkey on this machine, in a minute, with a report. */
import { randomBytes } from "node:crypto";
import { Lifetime } from "../../core/lifetime.ts";
import { COMPARED_LOAD_OPTIONS } from "../bench/comparison-options.ts";
import { OPEN_OPTION } from "../bench/open-page.ts";
import { type TARGET_OPTIONS } from "../bench/target-options.ts";
import { defineCommand, type OptionValues } from "../command.ts";

/** Three lanes of it: 36 s, and some to fill and warm up. */
const MEASURED_MS = 12_000;
const WARMUP_MS = 1000;

export const benchDemo = defineCommand({
  name: "bench demo",
  summary: "Compare the local Redis and Valkey in a minute",
  description: [
    "Starts redis-server and valkey-server (both have to be on the PATH), each bound to one processor and with a " +
      "folder of its own, compares them slice by slice, stops them, and writes a report.",
  ],
  options: {
    pipeline: COMPARED_LOAD_OPTIONS.pipeline,
    output: {
      kind: "text",
      short: "o",
      value: "folder",
      prose: "Where results and report go.",
      defaultProse: "bench-results",
    },
    open: OPEN_OPTION,
  },
  examples: [{ prose: "With 16 operations in a write", line: "kurobe bench demo --pipeline 16" }],
  run: async ({ options, terminal, output }) => {
    const { openLanes, pairedTargets, readComparedLoad } =
      await import("../bench/comparison-options.ts");
    const { openTargets } = await import("../bench/target-options.ts");
    const { runComparison } = await import("../bench/run-comparison.ts");
    const { readKvPlan } = await import("../bench/workload-options.ts");
    await using lifetime = new Lifetime();
    const { targets } = lifetime.own(await openTargets(DEMO_TARGETS, [], terminal));
    const load = readComparedLoad({ ...NO_LOAD_OPTIONS, pipeline: options.pipeline }, WARMUP_MS);
    const lanes = await openLanes(targets, "redis", lifetime);
    const chosen = await readKvPlan({}, `kurobe:${randomBytes(4).toString("hex")}:`);
    await runComparison({
      workloads: [pairedTargets(lanes, load, chosen)],
      measuredMs: MEASURED_MS,
      minEffect: 0.02,
      seed: 1,
      folder: options.output ?? "bench-results",
      report: undefined,
      md: undefined,
      isOpened: options.open,
      terminal,
      output,
    });
  },
});

const NO_LOAD_OPTIONS: OptionValues<typeof COMPARED_LOAD_OPTIONS> = {
  connections: undefined,
  threads: undefined,
  agents: undefined,
  pipeline: undefined,
  rate: undefined,
  arrival: undefined,
  timeout: undefined,
  seed: undefined,
};

const DEMO_TARGETS: OptionValues<typeof TARGET_OPTIONS> = {
  start: "redis,valkey",
  core: undefined,
  user: undefined,
  "password-env": undefined,
  cluster: false,
  protocol: undefined,
  tls: false,
  ca: undefined,
  cert: undefined,
  key: undefined,
  sni: undefined,
  insecure: false,
};
