/**
 * Measures Kurobe, every figure beside its limit or a peer of the same run.
 *
 *   npm run bench                         everything: about forty minutes
 *   npm run bench -- --quick              shows that all of it works; the figures mean nothing
 *   npm run bench -- --only ingest,small  some cases
 *   npm run bench -- --huge               with the growth run of 100 million rows
 *   npm run bench -- --only nexmark --events 10000000 --queries q5,q7
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type BenchCase, type Figure, type Settings } from "./case.ts";
import { delivery } from "./cases/delivery.ts";
import { exporting } from "./cases/export.ts";
import { growth } from "./cases/growth.ts";
import { ingest } from "./cases/ingest.ts";
import { nexmark } from "./cases/nexmark.ts";
import { query } from "./cases/query.ts";
import { size } from "./cases/size.ts";
import { smallRequests } from "./cases/small-requests.ts";
import { stall } from "./cases/stall.ts";
import { windows } from "./cases/windows.ts";
import { readMachine, readOrigin } from "./machine.ts";
import { type Report } from "./report-file.ts";
import { figuresTable } from "./table.ts";
import { openWorkspace, REPOSITORY } from "./workspace.ts";

const CASES: readonly BenchCase[] = [
  ingest,
  smallRequests,
  stall,
  windows,
  delivery,
  query,
  exporting,
  growth,
  size,
  nexmark,
];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      huge: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      label: { type: "string" },
      events: { type: "string" },
      queries: { type: "string" },
    },
  });
  const settings: Settings = {
    rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
    isQuick: values.quick,
    isHuge: values.huge,
    nexmark: {
      events: Number(values.events ?? (values.quick ? 100_000 : 1_000_000)),
      queries: values.queries?.split(","),
    },
  };
  const chosen = chooseCases(values.only);
  const startedAt = new Date();
  const report = {
    startedAt: startedAt.toISOString(),
    machine: readMachine(),
    origin: readOrigin(),
    settings,
  };
  const done: Report["cases"][number][] = [];
  await using workspace = openWorkspace();
  let failures = 0;
  for (const { run, ...about } of chosen) {
    process.stdout.write(`\n${about.title}\n`);
    try {
      const figures = await run({ settings, workspace, progress: showProgress });
      showProgress("");
      process.stdout.write(figuresTable(figures));
      done.push({ ...about, figures });
    } catch (error) {
      showProgress("");
      failures += 1;
      process.stdout.write(`  FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
      done.push({ ...about, figures: [], failure: String(error) });
    }
  }
  const label =
    values.label ?? (values.quick ? "quick" : values.only === undefined ? "full" : "part");
  const file = writeReport(
    { ...report, cases: done },
    `${startedAt.toISOString().slice(0, 10)}-${label}`,
  );
  const goals = done.flatMap(({ figures }) => figures).flatMap((figure: Figure) => figure.goals);
  const met = goals.filter(({ isMet }) => isMet).length;
  process.stdout.write(`\n${met} of ${goals.length} goals met. Written to ${file}\n`);
  return failures === 0 ? 0 : 1;
}

function chooseCases(only: string | undefined): readonly BenchCase[] {
  if (only === undefined) return CASES;
  const names = only.split(",");
  const unknown = names.filter((name) => !CASES.some((known) => known.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `no case ${unknown.join(", ")}: there are ${CASES.map(({ name }) => name).join(", ")}`,
    );
  }
  return CASES.filter(({ name }) => names.includes(name));
}

function showProgress(text: string): void {
  if (!process.stderr.isTTY) {
    if (text !== "" && process.env["BENCH_VERBOSE"] !== undefined)
      process.stderr.write(`  ${text}\n`);
    return;
  }
  process.stderr.write(`\r\u001b[2K${text === "" ? "" : `  ${text.slice(0, 90)}`}`);
}

function writeReport(report: Report, name: string): string {
  const directory = join(REPOSITORY, "bench", "results");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
  return `bench/results/${name}.json`;
}

process.exitCode = await main();
