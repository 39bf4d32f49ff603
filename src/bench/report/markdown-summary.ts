/** The report in short, for a pull request: what was found, figures, and what to take care of. */
import { conclusionsOf } from "./conclusions.ts";
import { showMs, showRate, showWhole } from "./figures.ts";
import { reportTitle } from "./html-report.ts";
import { type ReportGroup, type ReportModel } from "./report-model.ts";

const MARKS = { faster: "🟢", slower: "🔴", even: "⚪", warning: "⚠️" } as const;

export function markdownSummary(model: ReportModel): string {
  const found = conclusionsOf(model);
  const hasTitles = model.groups.length > 1;
  const lines = found.map(
    ({ tone, group, text }) => `- ${MARKS[tone]} ${hasTitles ? `**${group}**: ` : ""}${text}`,
  );
  const parts = [
    `### ${reportTitle(model)}`,
    ...(lines.length === 0 ? [] : [lines.join("\n")]),
    ...model.groups.map(groupTable),
  ];
  return `${parts.join("\n\n")}\n`;
}

function groupTable({ title, lanes }: ReportGroup): string {
  const head = ["target", "engine", "op/s", "p50", "p99", "p99.9", "p99.99", "max", "errors"];
  const rows = lanes.map(({ name, engine, rate, result }) => {
    const { p50, p99, p99_9, p99_99, max } = result.stats.latency_ms;
    const latencies = [p50, p99, p99_9, p99_99, max].map(showMs);
    return [name, engine, showRate(rate.value), ...latencies, showWhole(result.errors.total)];
  });
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, index) => (index < 2 ? "---" : "---:"));
  return [`**${title}**`, "", line(head), line(rule), ...rows.map(line)].join("\n");
}
