/** `kurobe bench report`: results become a page that people read, and tables that machines read. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { KurobeError } from "../../core/errors.ts";
import { OPEN_OPTION, openPage } from "../bench/open-page.ts";
import { defineCommand } from "../command.ts";
import { showMany } from "../figures.ts";

export const benchReport = defineCommand({
  name: "bench report",
  summary: "Write a report from benchmark results",
  description: [
    "Takes result files, or folders of them, and writes one HTML file that needs nothing else: throughput with " +
      "intervals, ratios, latency curves, the run over time, structures by size, settings, and what it all shows " +
      "in words. Results that ran in turns are compared slice by slice.",
    "With --md, --csv and --parquet it writes a summary for a pull request and tables as well; the tables can be " +
      "loaded into a Kurobe dataset.",
  ],
  positionals: [{ name: "results", prose: "Result files or folders of them.", isMany: true }],
  options: {
    out: {
      kind: "text",
      short: "o",
      value: "file",
      prose: "Where the HTML file goes.",
      defaultProse: "bench-report.html",
    },
    md: { kind: "text", value: "file", prose: "Write a Markdown summary, too." },
    csv: { kind: "text", value: "file", prose: "Write all figures as CSV, too." },
    parquet: { kind: "text", value: "file", prose: "Write all figures as Parquet, too." },
    open: OPEN_OPTION,
  },
  examples: [
    { prose: "A page from all results of a folder", line: "kurobe bench report results/" },
    {
      prose: "A summary for a pull request",
      line: "kurobe bench report results/*.json --md summary.md",
    },
    {
      prose: "Results into a dataset, to be asked in SQL",
      line: "kurobe bench report results/ --csv results.csv && kurobe ingest results results.csv",
    },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const [{ readResults }, { reportModel }, { htmlReport }] = await Promise.all([
      import("../../bench/result/result-file.ts"),
      import("../../bench/report/report-model.ts"),
      import("../../bench/report/html-report.ts"),
    ]);
    const at = (path: string): string => resolve(terminal.workingDirectory, path);
    const results = await readResults(positionals.map(at));
    if (results.length === 0) {
      throw new KurobeError("KRB_BENCH_RESULT_FILE", `No results in ${positionals.join(", ")}`);
    }
    const model = reportModel(results);
    const written: string[] = [];
    const write = async (path: string, text: string): Promise<void> => {
      await writeText(at(path), text);
      written.push(at(path));
    };
    await write(options.out ?? "bench-report.html", htmlReport(model));
    if (options.md !== undefined) {
      const { markdownSummary } = await import("../../bench/report/markdown-summary.ts");
      await write(options.md, markdownSummary(model));
    }
    const { csvOf, resultRows } = await import("../../bench/report/result-rows.ts");
    if (options.csv !== undefined) await write(options.csv, csvOf(resultRows(results)));
    if (options.parquet !== undefined) {
      const { writeParquet } = await import("../../bench/report/parquet-export.ts");
      await mkdir(dirname(at(options.parquet)), { recursive: true });
      await writeParquet(at(options.parquet), resultRows(results));
      written.push(at(options.parquet));
    }
    const { conclusionsOf } = await import("../../bench/report/conclusions.ts");
    const conclusions = conclusionsOf(model);
    output.json({ results: results.length, written, conclusions });
    for (const { text } of conclusions) output.line(`• ${text}`);
    if (conclusions.length > 0) output.line();
    output.line(`${showMany(results.length, "result")} read, written:`);
    for (const path of written) output.line(`  ${path}`);
    if (options.open) await openPage(at(options.out ?? "bench-report.html"), output);
  },
});

async function writeText(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new KurobeError("KRB_CLI_FILE", `${path} cannot be written: ${reason}`, { cause });
  }
}
