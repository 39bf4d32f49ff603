/** Results as tables: a line for each target, and one for each of its operations. */
import { type BenchResult } from "../../bench/result/result.ts";
import { showCount } from "../figures.ts";
import { type Output } from "../output.ts";

type Latency = BenchResult["stats"]["latency_ms"];

export function showResults(results: readonly BenchResult[], output: Output): void {
  const [first] = results;
  if (first === undefined) return;
  output.line(output.paint.bold(titleOf(first)));
  output.table(
    [
      { name: "target" },
      { name: "engine" },
      ...["ops/s", "p50", "p95", "p99", "p99.9", "max", "errors", "hits", "server", "client"].map(
        (name) => ({ name, align: "right" }) as const,
      ),
    ],
    results.map((result) => [
      result.config.name,
      `${result.engine_type} ${result.engine_version ?? "?"}`,
      showCount(Math.round(result.stats.throughput_ops)),
      ...latencyCells(result.stats.latency_ms),
      showCount(result.errors.total),
      hitShare(result.stats),
      showCpu(result.stats.server.cpu_us_per_op),
      showCpu(result.stats.client.cpu_us_per_op),
    ]),
  );
  output.line(output.paint.dim(legendOf(first)));
  for (const result of results) showSweep(result, output);
  for (const result of results) showOperations(result, output);
  for (const result of results) showNotes(result, output);
}

function showSweep({ config, stats }: BenchResult, output: Output): void {
  if (config.sweep === null) return;
  const { green, dim, bold } = output.paint;
  output.line();
  output.line(bold(`${config.name}, rate by rate`));
  output.table(
    [
      ...["rate", "done", "p50", "p99", "max", "errors"].map(
        (name) => ({ name, align: "right" }) as const,
      ),
      { name: "" },
    ],
    stats.sweep
      .toSorted((left, right) => left.rate - right.rate)
      .map(({ rate, throughput_ops: done, latency_ms: latency, errors, ...step }) => [
        showCount(rate),
        showCount(Math.round(done)),
        ...[latency.p50, latency.p99, latency.max].map((ms) => (ms === null ? "–" : showMs(ms))),
        showCount(errors),
        step.is_sustained ? green("ok") : dim(step.reason ?? ""),
      ]),
  );
  output.line(kneeText(config.name, config.sweep.max_p99_ms, stats.knee));
}

function kneeText(name: string, maxP99Ms: number, knee: BenchResult["stats"]["knee"]): string {
  const limit = `p99 within ${showMs(maxP99Ms)} ms`;
  if (knee === null) return `${name} kept up with no rate, ${limit}.`;
  const next =
    knee.failed_rate === null
      ? "and no rate failed"
      : `and not with ${showCount(knee.failed_rate)}`;
  const client = knee.is_client_limited ? " The client was the limit there: more threads." : "";
  return `${name} keeps up with ${showCount(knee.rate)} ops/s, ${limit}, ${next}.${client}`;
}

function showOperations({ config, stats }: BenchResult, output: Output): void {
  const entries = Object.entries(stats.by_command);
  if (entries.length < 2) return;
  output.line();
  output.line(output.paint.bold(config.name));
  output.table(
    [
      { name: "operation" },
      ...["ops/s", "p50", "p95", "p99", "p99.9", "max", "errors", "hits"].map(
        (name) => ({ name, align: "right" }) as const,
      ),
    ],
    entries.map(([name, command]) => [
      name,
      showCount(Math.round(command.throughput_ops)),
      ...latencyCells(command.latency_ms),
      showCount(command.errors),
      hitShare({ hits: command.hits ?? 0, misses: command.misses ?? 0 }),
    ]),
  );
}

function showNotes({ config, stats, validity, errors }: BenchResult, output: Output): void {
  const { yellow, red, dim } = output.paint;
  const sentOn = stats.redirects.moved + stats.redirects.asked;
  if (sentOn > 0) {
    const words = "operations were sent on to another node, because slots moved";
    output.line(dim(`${config.name}: ${showCount(sentOn)} ${words}`));
  }
  const kinds = Object.entries(errors.by_kind).map(
    ([kind, count]) => `${kind} ${showCount(count)}`,
  );
  if (kinds.length > 0) output.line(yellow(`${config.name}: errors ${kinds.join(", ")}`));
  for (const sample of errors.samples.slice(0, 3)) output.line(yellow(`  ${sample}`));
  for (const reason of validity.reasons) {
    output.line((validity.is_valid ? yellow : red)(`${config.name}: ${reason}`));
  }
}

function titleOf({ config, stats }: BenchResult): string {
  const { loop, rate, arrival, connections, pipeline, workload } = config;
  const pace =
    loop === "closed"
      ? "closed loop"
      : rate === null
        ? `open loop at rising rates, ${arrival ?? ""}`
        : `open loop, ${showCount(rate)} ops/s ${arrival ?? ""}`.trim();
  const length = `${stats.duration_s.toFixed(1)} s`;
  return `${workload.name}: ${pace}, ${connections} connections, pipeline ${pipeline}, ${length}`;
}

function legendOf({ config }: BenchResult): string {
  const from =
    config.loop === "open"
      ? "when an operation was due, so that stalls are not hidden"
      : "when an operation was sent; stalls of the server delay sending, and are hidden (use --rate)";
  return `Latencies in ms from ${from}. Server and client: processor time in µs an operation.`;
}

function latencyCells(latency: Latency): readonly string[] {
  return [latency.p50, latency.p95, latency.p99, latency.p99_9, latency.max].map((value) =>
    value === null ? "–" : showMs(value),
  );
}

function showMs(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

function showCpu(us: number | null): string {
  return us === null ? "–" : us.toFixed(2);
}

function hitShare({ hits, misses }: { readonly hits: number; readonly misses: number }): string {
  return hits + misses === 0 ? "–" : `${((hits / (hits + misses)) * 100).toFixed(1)}%`;
}
