/** `kurobe bench gate`: fails where results got worse than a baseline by more than is allowed. */
import { resolve } from "node:path";
import { type GateRow } from "../../bench/gate/gate.ts";
import { KurobeError } from "../../core/errors.ts";
import { defineCommand } from "../command.ts";

export const benchGate = defineCommand({
  name: "bench gate",
  summary: "Fail where results got worse than a baseline",
  description: [
    "For continuous integration. Each result is held against the baseline of the same target name, workload and " +
      "load; limits say how much worse a figure may get. Figures are throughput, mean, p50, p90, p95, p99, p99.9 " +
      "and max.",
    "Exit code 0: within all limits. 1: something got worse. 2: something could not be judged, because a baseline " +
      "or a figure is missing, or a result is not valid.",
  ],
  positionals: [{ name: "results", prose: "New result files or folders of them.", isMany: true }],
  options: {
    baseline: {
      kind: "text",
      value: "file",
      isMultiple: true,
      prose: "Result file, or folder of them, to hold against; may be given several times.",
    },
    "max-regression": {
      kind: "text",
      value: "limits",
      prose: "How much worse each figure may get.",
      defaultProse: "p99=10%,throughput=5%",
    },
  },
  examples: [
    {
      prose: "In a workflow, after a run",
      line: "kurobe bench gate results/ --baseline baseline/ --max-regression p99=10%,throughput=5%",
    },
  ],
  run: async ({ options, positionals, output, terminal }) => {
    const [{ readResults }, { gate, readLimits }] = await Promise.all([
      import("../../bench/result/result-file.ts"),
      import("../../bench/gate/gate.ts"),
    ]);
    if (options.baseline.length === 0) {
      throw new KurobeError("KRB_CLI_USAGE", "kurobe bench gate needs --baseline");
    }
    const at = (path: string): string => resolve(terminal.workingDirectory, path);
    const limits = readLimits(options["max-regression"] ?? "p99=10%,throughput=5%");
    const current = await readResults(positionals.map(at));
    const rows = gate(current, await readResults(options.baseline.map(at)), limits);
    output.json({ rows });
    output.table(
      [
        { name: "target" },
        { name: "workload" },
        { name: "figure" },
        { name: "baseline", align: "right" },
        { name: "now", align: "right" },
        { name: "change", align: "right" },
        { name: "limit", align: "right" },
        { name: "verdict" },
      ],
      rows.map(cellsOf),
    );
    const named = (verdict: GateRow["verdict"]): readonly string[] =>
      rows
        .filter((row) => row.verdict === verdict)
        .map(({ target, workload, figure }) => `${target} ${workload} ${figure}`);
    const regressed = named("regressed");
    if (regressed.length > 0) {
      throw new KurobeError("KRB_BENCH_REGRESSION", `Worse than allowed: ${regressed.join(", ")}`, {
        details: { rows },
      });
    }
    const unknown = named("unknown");
    if (unknown.length > 0 || rows.length === 0) {
      const what = rows.length === 0 ? "there are no results" : unknown.join(", ");
      throw new KurobeError("KRB_BENCH_UNJUDGED", `Could not be judged: ${what}`);
    }
  },
});

function cellsOf(row: GateRow): readonly string[] {
  const figure = (value: number | null): string =>
    value === null ? "–" : value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
  return [
    row.target,
    row.workload,
    row.figure,
    figure(row.baseline),
    figure(row.current),
    changeText(row),
    `${(row.limit * 100).toFixed(0)} %`,
    row.verdict,
  ];
}

function changeText({ regression, low, high }: GateRow): string {
  if (regression === null) return "–";
  const percent = (share: number): string => Math.abs(share * 100).toFixed(1);
  const word = regression > 0 ? "worse" : "better";
  const range =
    low === null || high === null
      ? ""
      : ` (${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)})`;
  return `${percent(regression)} % ${word}${range}`;
}
