/** Measures one workload on each target in turn, with a live bar, and says what came out. */
import { join, resolve } from "node:path";
import {
  measure,
  type MeasureOptions,
  type MeasureStep,
  sweep,
  type SweepStep,
} from "../../bench/bench.ts";
import { Agents } from "../../bench/crew/agents-crew.ts";
import { type RunPlan } from "../../bench/run/run-plan.ts";
import { writeResult } from "../../bench/result/result-file.ts";
import { type BenchResult } from "../../bench/result/result.ts";
import { KurobeError } from "../../core/errors.ts";
import { showCount } from "../figures.ts";
import { type Output } from "../output.ts";
import { type Progress } from "../progress.ts";
import { type Terminal } from "../terminal.ts";
import { type LoadOptionValues, readAgents, readSweep } from "./load-options.ts";
import { resultName } from "./result-name.ts";
import { showResults } from "./show-results.ts";
import { type OpenTarget } from "./target-options.ts";

export interface BenchmarkRun {
  readonly targets: readonly OpenTarget[];
  /** Without their targets: each plan runs on each target. */
  readonly plans: readonly Omit<RunPlan, "target">[];
  readonly options: LoadOptionValues;
  readonly terminal: Terminal;
  readonly output: Output;
}

/**
 * Interrupted, it shows and writes what there is of the run that was going on, and no more. Throws
 * KRB_BENCH_INCOMPLETE, after it has written the results, where one ended early by itself.
 */
export async function runBenchmark(run: BenchmarkRun): Promise<void> {
  const { targets, plans, terminal, output } = run;
  await using agents = await openAgents(run);
  const all: BenchResult[] = [];
  const files: string[] = [];
  for (const plan of plans) {
    const results: BenchResult[] = [];
    for (const { target, pinning } of targets) {
      if (terminal.signal.aborted) break;
      const result = await measureShown({ ...plan, target }, { pinning, agents }, run);
      results.push(result);
      files.push(...(await writeFiles(result, run)));
    }
    // One after the other, so that a long list can be read while it grows.
    showResults(results, output);
    all.push(...results);
  }
  output.json({ results: all, files });
  for (const file of files) output.line(output.paint.dim(`  ${file}`));
  const broken = all.find(({ validity }) => validity.is_partial);
  if (broken === undefined || terminal.signal.aborted) return;
  const message = `${broken.config.name} was not measured to the end: ${broken.validity.reasons.join("; ")}`;
  throw new KurobeError("KRB_BENCH_INCOMPLETE", message);
}

async function openAgents({ options, terminal }: BenchmarkRun): Promise<Agents | undefined> {
  const wanted = readAgents(options, terminal);
  return wanted === undefined ? undefined : await Agents.open(wanted);
}

async function writeFiles(
  result: BenchResult,
  { options, terminal }: BenchmarkRun,
): Promise<readonly string[]> {
  if (options["no-output"]) return [];
  const folder = resolve(terminal.workingDirectory, options.output ?? "bench-results");
  const path = join(folder, `${resultName(result)}.json`);
  await writeResult(path, result);
  return [path];
}

async function measureShown(
  plan: RunPlan,
  on: Pick<MeasureOptions, "pinning" | "agents">,
  { options, terminal, output }: BenchmarkRun,
): Promise<BenchResult> {
  using progress = output.progress(`${plan.workload.name} ${plan.target.name}`);
  const shared = { ...on, signal: terminal.signal };
  const search = readSweep(options);
  if (search === undefined) {
    return await measure(plan, { ...shared, onStep: (step) => showStep(progress, step) });
  }
  return await sweep(plan, search, {
    ...shared,
    onStep: (step) => showSweepStep(progress, step),
  });
}

function showSweepStep(progress: Progress, step: SweepStep): void {
  if (step.kind === "stepped") return;
  if (step.kind !== "measuring") {
    showStep(progress, step);
    return;
  }
  const { rate, bestRate, share, p99Ms } = step;
  const so = bestRate === 0 ? "" : `, ${showCount(bestRate)} went well`;
  const text = `${showCount(rate)} ops/s: p99 ${p99Ms.toFixed(2)} ms${so}`;
  progress.update({ done: share, total: 1, text });
}

function showStep(progress: Progress, step: MeasureStep): void {
  switch (step.kind) {
    case "filling":
      progress.update({
        done: step.done,
        total: step.total === 0 ? undefined : step.total,
        text: `making keys, ${showCount(step.done)}`,
      });
      return;
    case "warming":
      progress.update({ done: 0, text: "warming up" });
      return;
    case "measuring": {
      const errors = step.errors === 0 ? "" : `, ${showCount(step.errors)} errors`;
      progress.update({
        done: step.share,
        total: 1,
        text: `${showCount(Math.round(step.perSecond))} ops/s, p99 ${step.p99Ms.toFixed(2)} ms${errors}`,
      });
      return;
    }
    case "cleaning":
      progress.update({ done: 1, total: 1, text: "deleting keys" });
  }
}
