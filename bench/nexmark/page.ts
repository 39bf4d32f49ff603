/**
 * Writes the table of docs/nexmark.md out of result files; where several have a query, the last
 * one counts.
 *
 *   npx tsx bench/nexmark/page.ts bench/results/<file>.json…
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Figure } from "../case.ts";
import { type Report } from "../report-file.ts";
import { number } from "../table.ts";
import { REPOSITORY } from "../workspace.ts";

const BEGIN = "<!-- figures: begin (written by bench/nexmark/page.ts) -->";
const END = "<!-- figures: end -->";

interface Measured {
  readonly report: Report;
  readonly file: string;
  /** By what they measure: "rate", "processor time", "peak memory". */
  readonly figures: ReadonlyMap<string, Figure>;
}

function main(): void {
  const queries = new Map<string, Measured>();
  for (const file of process.argv.slice(2)) {
    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    for (const [query, figures] of byQuery(report)) queries.set(query, { report, file, figures });
  }
  if (queries.size === 0) throw new Error("name result files that have Nexmark in them");
  const target = join(REPOSITORY, "docs", "nexmark.md");
  const text = readFileSync(target, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${target} has no place for the figures`);
  writeFileSync(
    target,
    `${text.slice(0, begin)}${BEGIN}\n\n${tableOf(queries)}\n${text.slice(end)}`,
  );
}

function byQuery(report: Report): ReadonlyMap<string, ReadonlyMap<string, Figure>> {
  const queries = new Map<string, Map<string, Figure>>();
  const figures = report.cases
    .filter(({ name }) => name === "nexmark")
    .flatMap((one) => one.figures);
  for (const figure of figures) {
    const [query = "", what = ""] = figure.what.split(": ");
    const known = queries.get(query) ?? new Map<string, Figure>();
    queries.set(query, known.set(what, figure));
  }
  return queries;
}

function tableOf(queries: ReadonlyMap<string, Measured>): string {
  const sorted = [...queries].toSorted(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1)));
  const rows = sorted.map(([query, { figures }]) => {
    const cells = ["rate", "processor time", "peak memory"].flatMap((what) => {
      const figure = figures.get(what);
      const [beside] = figure?.beside ?? [];
      return [number(figure?.measured.median ?? Number.NaN), number(beside?.median ?? Number.NaN)];
    });
    const note = figures.get("rate")?.note ?? "";
    const [, results = "", events = ""] = /^(\d+) results of (\d+) events/.exec(note) ?? [];
    const counts = [events, results].map((count) => number(Number(count)));
    // Kurobe's three, then DuckDB's.
    const ordered = [...cells.filter((_, at) => at % 2 === 0), ...cells.filter((_, at) => at % 2)];
    return `| ${[query.toUpperCase(), ...counts, ...ordered].join(" | ")} |`;
  });
  const runs = [...new Set([...queries.values()].map(({ report }) => report))].map(aboutRun);
  return [
    ...runs,
    "",
    "| query | events | results | events/s | CPU s | peak MiB | DuckDB, batch: events/s | CPU s | peak MiB |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function aboutRun({ machine, origin, startedAt }: Report): string {
  return (
    `Measured on ${startedAt.slice(0, 10)} at commit ${origin.commit}, one round, on ${machine.cores} cores ` +
    `(${machine.cpu}), ${machine.memoryGiB} GiB, Node ${machine.node}, ${machine.fileSystem}; load average at the ` +
    `start ${machine.loadAverageAtStart}.`
  );
}

main();
