/**
 * Writes the tables of docs/benchmarks.md out of result files; the text around them stays. Of a
 * file, the cases behind the equals sign, or all.
 *
 *   npx tsx bench/report.ts bench/results/2026-01-31-full.json
 *   npx tsx bench/report.ts bench/results/a.json=ingest,stall bench/results/b.json=growth
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Figure } from "./case.ts";
import { type Report } from "./report-file.ts";
import { number } from "./table.ts";
import { REPOSITORY } from "./workspace.ts";

const BEGIN = "<!-- figures: begin (written by bench/report.ts) -->";
const END = "<!-- figures: end -->";

function main(): void {
  const files = process.argv.slice(2);
  if (files.length === 0)
    throw new Error("name a result file: npx tsx bench/report.ts bench/results/<file>.json");
  const target = join(REPOSITORY, "docs", "benchmarks.md");
  const text = readFileSync(target, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${target} has no place for the figures`);
  const tables = files
    .map((argument) => {
      const [file = "", chosen] = argument.split("=");
      const report = JSON.parse(readFileSync(file, "utf8")) as Report;
      const cases = report.cases.filter(
        ({ name }) => chosen === undefined || chosen.split(",").includes(name),
      );
      return markdown({ ...report, cases }, file.slice(file.indexOf("bench/results/")));
    })
    .join("\n");
  writeFileSync(target, `${text.slice(0, begin)}${BEGIN}\n\n${tables}\n${text.slice(end)}`);
}

export function markdown(report: Report, file: string): string {
  const { machine, origin, settings } = report;
  const changed =
    origin.changedFiles === 0 ? "" : ` and ${origin.changedFiles} files that differ from it`;
  const about = [
    `Measured on ${report.startedAt.slice(0, 10)} at commit ${origin.commit}${changed}, ${settings.rounds} rounds, ` +
      `on ${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.kernel}, ` +
      `Node ${machine.node}, ${machine.fileSystem}; load average at the start ${machine.loadAverageAtStart}. ` +
      `Every figure is the median of its rounds, with the lowest and the highest in parentheses. ` +
      `All of it, round by round: [\`${file}\`](../${file}).`,
  ];
  for (const { title, estimate, method, figures, failure } of report.cases) {
    about.push(`### ${title}`, `*Expected.* ${estimate}`, `*Method.* ${method}`);
    about.push(failure === undefined ? table(figures) : `This case failed: ${failure}`);
  }
  return `${about.join("\n\n")}\n`;
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, unit, measured, beside, goals, note }) => {
    const peers = beside
      .map((peer) => `${peer.name} ${number(peer.median)}${range(peer.rounds)}`)
      .join("<br>");
    const verdict = goals
      .map(({ isMet, text }) => `${isMet ? "met" : "**missed**"}: ${text}`)
      .join("<br>");
    const remark = note === undefined ? "" : `<br>${note}`;
    return `| ${what}${remark} | ${number(measured.median)} ${unit}${range(measured.rounds)} | ${peers} | ${verdict} |`;
  });
  return ["| what | Kurobe | beside it | goal |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function range(rounds: readonly number[]): string {
  return rounds.length < 2
    ? ""
    : ` (${number(Math.min(...rounds))} … ${number(Math.max(...rounds))})`;
}

main();
