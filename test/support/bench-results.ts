/** Result files and latency distributions made up from a seed, for what reads them. */
import { type BenchResult } from "../../src/bench/result/result.ts";
import { LatencyHistogram } from "../../src/bench/histogram/histogram.ts";
import { recordOf } from "../../src/bench/result/histogram-record.ts";
import { describeLatency } from "../../src/bench/result/latency-summary.ts";

export function histogramOf(valuesUs: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const valueUs of valuesUs) histogram.record(valueUs / 1000);
  return histogram;
}

export interface MadeCommand {
  readonly label: string;
  readonly structure?: string;
  readonly size?: number;
  readonly latenciesUs: readonly number[];
}

export interface MadeResult {
  readonly name: string;
  readonly engine?: BenchResult["engine_type"];
  readonly version?: string;
  readonly workload?: string;
  readonly durationS?: number;
  readonly commands: readonly MadeCommand[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly twinOf?: string;
  readonly pairId?: string | null;
  readonly slices?: BenchResult["stats"]["slices"];
  readonly timeseries?: BenchResult["stats"]["timeseries"];
}

/** A valid result in which everything that can be derived from the latencies agrees with them. */
export function madeResult(made: MadeResult): BenchResult {
  const durationS = made.durationS ?? 10;
  const histograms = made.commands.map(
    (command) => [command, histogramOf(command.latenciesUs)] as const,
  );
  const all = histogramOf(made.commands.flatMap(({ latenciesUs }) => latenciesUs));
  const byCommand = histograms.map(([{ label, structure, size }, histogram]) => [
    label,
    {
      command: label.split(" ")[0] ?? label,
      structure: structure ?? "string",
      size: size ?? null,
      requests: histogram.count,
      errors: 0,
      hits: null,
      misses: null,
      throughput_ops: histogram.count / durationS,
      latency_ms: describeLatency(histogram, "send"),
    },
  ]);
  return {
    schema: "kurobe.bench/1",
    run_id: `run-${made.name}`,
    pair_id: made.pairId ?? null,
    config: configOf(made),
    engine_type: made.engine ?? "Redis",
    engine_version: made.version ?? "7.0.15",
    engine: {
      compat_version: null,
      mode: "standalone",
      managed: "none",
      detected_by: "INFO",
      settings: made.settings ?? { "io-threads": "1", save: "", appendonly: "no" },
      denied: [],
    },
    start_time: "2026-03-01T10:00:00.000Z",
    end_time: "2026-03-01T10:00:10.000Z",
    stats: {
      requests: all.count,
      duration_s: durationS,
      throughput_ops: all.count / durationS,
      bytes_in: all.count * 70,
      bytes_out: all.count * 40,
      hits: all.count,
      misses: 0,
      dropped: 0,
      reconnects: 0,
      redirects: { moved: 0, asked: 0 },
      latency_ms: describeLatency(all, "send"),
      latency_send_ms: null,
      slip_ms: null,
      by_command: Object.fromEntries(byCommand),
      timeseries: made.timeseries ?? [],
      slices: made.slices ?? [],
      sweep: [],
      knee: null,
      client: {
        cpu_cores: 0.9,
        cpu_us_per_op: 6.5,
        event_loop_delay_p99_ms: null,
        is_limited: false,
      },
      server: { cpu_cores: 1, cpu_us_per_op: 7.5, used_memory_bytes: null, info_delta: {} },
    },
    environment: ENVIRONMENT,
    histogram: {
      all: recordOf(all),
      by_command: Object.fromEntries(
        histograms.map(([{ label }, histogram]) => [label, recordOf(histogram)]),
      ),
    },
    errors: { total: 0, by_kind: {}, samples: [] },
    validity: { is_valid: true, is_partial: false, reasons: [] },
    extra: {},
  };
}

function configOf(made: MadeResult): BenchResult["config"] {
  return {
    name: made.name,
    twin_of: made.twinOf ?? null,
    target: "redis://127.0.0.1:6379",
    workload: { name: made.workload ?? "kv", kind: "kv" },
    workload_sha256: "0".repeat(64),
    driver: "raw",
    loop: "closed",
    rate: null,
    arrival: null,
    connections: 50,
    pipeline: 1,
    workers: 1,
    warmup_s: 1,
    seed: 42,
    pairs: made.slices === undefined ? null : made.slices.length,
    slice_ms: made.slices === undefined ? null : 100,
    sweep: null,
  };
}

const ENVIRONMENT: BenchResult["environment"] = {
  host_id: "5f1d",
  cpu: "A processor",
  cores: 2,
  memory_bytes: 8 * 2 ** 30,
  kernel: "Linux 6.1",
  node: "v20.20.0",
  kurobe: "0.1.0",
  governor: null,
  load_average: 0.1,
  steal_share: 0,
  pinning: null,
  agents: [],
};
