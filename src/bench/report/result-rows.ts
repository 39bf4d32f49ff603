/**
 * Results as flat rows for other tools: one row for each command of each result, one for all of
 * them.
 */
import { type BenchResult } from "../result/result.ts";

/** Name and DuckDB type of each column, in the order in which they are written. */
export const RESULT_COLUMNS = {
  measured_at: "TIMESTAMP WITH TIME ZONE",
  run_id: "VARCHAR",
  target: "VARCHAR",
  engine_type: "VARCHAR",
  engine_version: "VARCHAR",
  workload: "VARCHAR",
  loop: "VARCHAR",
  connections: "INTEGER",
  pipeline: "INTEGER",
  label: "VARCHAR",
  command: "VARCHAR",
  structure: "VARCHAR",
  size: "BIGINT",
  requests: "BIGINT",
  errors: "BIGINT",
  throughput_ops: "DOUBLE",
  mean_ms: "DOUBLE",
  p50_ms: "DOUBLE",
  p90_ms: "DOUBLE",
  p95_ms: "DOUBLE",
  p99_ms: "DOUBLE",
  p99_9_ms: "DOUBLE",
  p99_99_ms: "DOUBLE",
  max_ms: "DOUBLE",
  server_cpu_us_per_op: "DOUBLE",
  client_cpu_us_per_op: "DOUBLE",
  host_id: "VARCHAR",
} as const;

export type ResultRow = {
  readonly [Name in keyof typeof RESULT_COLUMNS]: string | number | null;
};

/** The row of all commands together has `*` for a label. */
export function resultRows(results: readonly BenchResult[]): readonly ResultRow[] {
  return results.flatMap(rowsOf);
}

function rowsOf(result: BenchResult): readonly ResultRow[] {
  const { config, stats, errors, environment } = result;
  const shared = {
    measured_at: result.start_time,
    run_id: result.run_id,
    target: config.name,
    engine_type: result.engine_type,
    engine_version: result.engine_version,
    workload: config.workload.name,
    loop: config.loop,
    connections: config.connections,
    pipeline: config.pipeline,
    host_id: environment.host_id,
  };
  const none = { structure: null, size: null };
  const whole = {
    ...shared,
    ...none,
    label: "*",
    command: "*",
    requests: stats.requests,
    errors: errors.total,
    throughput_ops: stats.throughput_ops,
    ...latencyCells(stats.latency_ms),
    server_cpu_us_per_op: stats.server.cpu_us_per_op,
    client_cpu_us_per_op: stats.client.cpu_us_per_op,
  };
  const commands = Object.entries(stats.by_command).map(([label, each]) => ({
    ...shared,
    label,
    command: each.command,
    structure: each.structure,
    size: each.size,
    requests: each.requests,
    errors: each.errors,
    throughput_ops: each.throughput_ops,
    ...latencyCells(each.latency_ms),
    server_cpu_us_per_op: null,
    client_cpu_us_per_op: null,
  }));
  return [whole, ...commands];
}

function latencyCells(latency: BenchResult["stats"]["latency_ms"]) {
  return {
    mean_ms: latency.mean,
    p50_ms: latency.p50,
    p90_ms: latency.p90,
    p95_ms: latency.p95,
    p99_ms: latency.p99,
    p99_9_ms: latency.p99_9,
    p99_99_ms: latency.p99_99,
    max_ms: latency.max,
  };
}

/** With a header; what is unknown is empty. */
export function csvOf(rows: readonly ResultRow[]): string {
  const names = Object.keys(RESULT_COLUMNS) as (keyof ResultRow)[];
  const lines = rows.map((row) => names.map((name) => csvCell(row[name])).join(","));
  return `${[names.join(","), ...lines].join("\n")}\n`;
}

function csvCell(value: string | number | null): string {
  if (value === null) return "";
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
