/** Runs targets in turns with a live bar, writes results and report, and says what was shown. */
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Agents } from "../../bench/crew/agents-crew.ts";
import { type Comparison, type ComparisonRow } from "../../bench/compare/comparison.ts";
import { sentenceOf, shareText } from "../../bench/compare/sentence.ts";
import { conclusionsOf } from "../../bench/report/conclusions.ts";
import { htmlReport } from "../../bench/report/html-report.ts";
import { markdownSummary } from "../../bench/report/markdown-summary.ts";
import { type ReportModel, reportModel } from "../../bench/report/report-model.ts";
import { writeResult } from "../../bench/result/result-file.ts";
import { type BenchResult } from "../../bench/result/result.ts";
import { type PairedTarget, runPairs } from "../../bench/run/run-pairs.ts";
import { showCount, showMany } from "../figures.ts";
import { type TurnsWanted } from "../../bench/run/turns.ts";
import { type Output } from "../output.ts";
import { type Terminal } from "../terminal.ts";
import { openPage } from "./open-page.ts";
import { resultName } from "./result-name.ts";

export interface ComparisonRun extends TurnsWanted {
  /** The targets of each workload; workloads run one after the other. */
  readonly workloads: readonly (readonly PairedTarget[])[];
  readonly agents?: Agents | undefined;
  readonly seed: number;
  readonly minEffect: number;
  /** Folder of result files; null for none. */
  readonly folder: string | null;
  /** Where the page goes; undefined puts it beside the results. */
  readonly report: string | undefined;
  readonly md: string | undefined;
  /** Show the page when it is written. */
  readonly isOpened: boolean;
  readonly terminal: Terminal;
  readonly output: Output;
}

/** Interrupted, it judges the pairs that are whole. */
export async function runComparison(run: ComparisonRun): Promise<void> {
  const { terminal, output } = run;
  const results: BenchResult[] = [];
  const pairId = randomUUID();
  for (const [index, targets] of run.workloads.entries()) {
    // What was interrupted gives whole pairs; what was not begun gives nothing.
    if (index > 0 && terminal.signal.aborted) break;
    results.push(...(await runShown(run, targets, pairId, index)));
  }
  const model = reportModel(results, { seed: run.seed, minEffect: run.minEffect });
  const files = await writeFiles(run, results, model);
  const comparisons = model.groups.flatMap(({ comparison }) => comparison ?? []);
  output.json({ results, comparisons, conclusions: conclusionsOf(model), ...files });
  if (run.workloads.length > 1) showAll(comparisons, output);
  else for (const comparison of comparisons) showComparison(comparison, output);
  for (const { tone, text } of conclusionsOf(model)) {
    if (tone === "warning") output.line(output.paint.yellow(text));
  }
  output.line();
  if (terminal.signal.aborted) output.note("Interrupted: only whole pairs were judged.");
  for (const path of files.written) output.line(output.paint.dim(`  ${path}`));
  if (files.report === null) return;
  output.line(`Report: ${files.report}`);
  if (run.isOpened) await openPage(files.report, output);
}

async function runShown(
  { workloads, agents, pairs, sliceMs, measuredMs, seed, terminal, output }: ComparisonRun,
  targets: readonly PairedTarget[],
  pairId: string,
  index: number,
): Promise<readonly BenchResult[]> {
  const name = targets[0]?.plan.workload.name ?? "";
  const many = workloads.length > 1 ? `${name}, ${index + 1} of ${workloads.length}` : "Comparing";
  using progress = output.progress(many);
  return await runPairs({
    targets,
    agents,
    pairs,
    sliceMs,
    measuredMs,
    seed,
    pairId,
    signal: terminal.signal,
    onFill: (name, done, total) => {
      const keys = total === 0 ? "" : `, ${showCount(done)} of ${showCount(total)}`;
      progress.update({ done: 0, text: `making keys of ${name}${keys}` });
    },
    onPair: (done, total, slices) => {
      const rates = slices
        .toSorted((left, right) => (left.name < right.name ? -1 : 1))
        .map(({ name, perSecond }) => `${name} ${showCount(Math.round(perSecond))} op/s`);
      progress.update({
        done,
        total,
        text: `${showMany(done, "pair")}  ${rates.join("  ")}`,
      });
    },
  });
}

async function writeFiles(
  { folder, report, md, terminal }: ComparisonRun,
  results: readonly BenchResult[],
  model: ReportModel,
): Promise<{ readonly written: readonly string[]; readonly report: string | null }> {
  const at = (path: string): string => resolve(terminal.workingDirectory, path);
  const written: string[] = [];
  for (const result of folder === null ? [] : results) {
    const path = join(at(folder ?? ""), resultFileName(result));
    await writeResult(path, result);
    written.push(path);
  }
  if (md !== undefined) {
    await writeText(at(md), markdownSummary(model));
    written.push(at(md));
  }
  if (report === undefined && folder === null) return { written, report: null };
  const page = at(report ?? join(folder ?? ".", "report.html"));
  await writeText(page, htmlReport(model));
  return { written, report: page };
}

async function writeText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** `compare-list-10-valkey-20261121T134200.json`. */
function resultFileName(result: BenchResult): string {
  return `compare-${resultName(result)}.json`;
}

function showComparison({ rows }: Comparison, output: Output): void {
  showRows(
    rows.map((row) => ({
      title: `${row.command === null ? "" : `${row.command} `}${row.metric}`,
      row,
    })),
    output,
  );
  showSentences(rows, output);
}

/** Of many workloads: the figures of each as a whole, and of its operations what was shown. */
function showAll(comparisons: readonly Comparison[], output: Output): void {
  const shown = comparisons.flatMap(({ workload, rows }) =>
    rows
      .filter(({ command, verdict }) => command === null || isShown(verdict))
      .map((row) => ({
        title: `${workload} ${row.command === null ? "" : `${row.command} `}${row.metric}`,
        row,
      })),
  );
  showRows(shown, output);
  const rows = comparisons.flatMap((each) => each.rows);
  const differing = rows.filter(({ verdict }) => isShown(verdict));
  const [faster, slower] = ["faster", "slower"].map(
    (word) => differing.filter(({ verdict }) => verdict === word).length,
  );
  output.line();
  output.line(
    `${showMany(rows.length, "figure")} of ${showMany(comparisons.length, "workload")}, corrected together: ` +
      `${faster ?? 0} faster, ${slower ?? 0} slower, no difference shown in ${rows.length - differing.length}.`,
  );
}

function isShown(verdict: ComparisonRow["verdict"]): boolean {
  return verdict === "faster" || verdict === "slower";
}

interface TitledRow {
  readonly title: string;
  readonly row: ComparisonRow;
}

function showRows(rows: readonly TitledRow[], output: Output): void {
  output.table(
    [
      { name: "figure" },
      { name: "baseline", align: "right" },
      { name: "target", align: "right" },
      { name: "ratio", align: "right" },
      { name: "95 %", align: "right" },
      { name: "equals differ", align: "right" },
      { name: "p", align: "right" },
      { name: "verdict" },
    ],
    rows.map(({ title, row }) => [
      title,
      figureText(row.metric, row.baseline_median),
      figureText(row.metric, row.target_median),
      row.ratio.toFixed(3),
      `${row.low.toFixed(3)}–${row.high.toFixed(3)}`,
      shareText(row.floor),
      row.p_adjusted < 0.001 ? "<0.001" : row.p_adjusted.toFixed(3),
      row.verdict.replaceAll("_", " "),
    ]),
  );
}

function showSentences(rows: readonly ComparisonRow[], output: Output): void {
  const { green, red, dim } = output.paint;
  output.line();
  for (const row of rows.filter(({ command }) => command === null)) {
    const paint = row.verdict === "faster" ? green : row.verdict === "slower" ? red : dim;
    output.line(`${paint("•")} ${sentenceOf(row)}`);
  }
}

function figureText(metric: string, value: number): string {
  return metric === "throughput" ? showCount(Math.round(value)) : `${value.toFixed(3)} ms`;
}
