/** What a person wants to know once the engine is ready: where it is, and what to type next. */
import { type EngineReport } from "../platform/engine-messages.ts";
import { type Output } from "./output.ts";

export function describeReady(
  output: Output,
  report: Extract<EngineReport, { readonly kind: "ready" }>,
): void {
  output.json(report);
  const { bold, dim, green } = output.paint;
  const { recovered, warnings, url, project } = report;
  const parts = `${count(report.datasets, "dataset")}, ${count(report.windows, "window")}`;
  output.line(`${green("●")} ${bold(project)} is ready at ${bold(url)}  ${dim(parts)}`);
  output.line(dim(`  data in ${report.dataDirectory}, process ${report.pid}`));
  if (report.tokenPath !== null) output.line(dim(`  token in ${report.tokenPath}`));
  if (recovered.entries > 0) {
    const rows = recovered.rows.toLocaleString("en");
    const seconds = (recovered.elapsedMs / 1000).toFixed(2);
    output.line(
      `  replayed ${count(recovered.entries, "log entry", "log entries")} (${rows} rows) in ${seconds} s`,
    );
  }
  for (const warning of warnings) output.note(output.notePaint.yellow(`  ${warning}`));
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}
