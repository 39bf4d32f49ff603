import { avg, column, count, dataset, defineProject, max, tumbling } from "kurobe";

/** What `kurobe bench report --csv` writes: a row for each command of each result. */
const results = dataset({
  columns: {
    measured_at: column.timestamp(),
    run_id: column.text(),
    target: column.text(),
    engine_type: column.text(),
    engine_version: column.text().nullable(),
    workload: column.text(),
    loop: column.text(),
    connections: column.int32(),
    pipeline: column.int32(),
    label: column.text(),
    command: column.text(),
    structure: column.text().nullable(),
    size: column.int64().nullable(),
    requests: column.int64(),
    errors: column.int64(),
    throughput_ops: column.float64(),
    mean_ms: column.float64().nullable(),
    p50_ms: column.float64().nullable(),
    p90_ms: column.float64().nullable(),
    p95_ms: column.float64().nullable(),
    p99_ms: column.float64().nullable(),
    p99_9_ms: column.float64().nullable(),
    p99_99_ms: column.float64().nullable(),
    max_ms: column.float64().nullable(),
    server_cpu_us_per_op: column.float64().nullable(),
    client_cpu_us_per_op: column.float64().nullable(),
    host_id: column.text(),
  },
  eventTime: "measured_at",
  // A result that is sent again replaces itself.
  key: ["measured_at", "run_id", "target", "label"],
  watermark: { outOfOrderness: "1 day" },
});

/** The best and the usual of each day, for a trend over months. */
const daily = tumbling({
  from: results,
  size: "1 day",
  by: ["target", "workload", "label"],
  measure: { runs: count(), best_ops: max("throughput_ops"), mean_p99_ms: avg("p99_ms") },
  // Old results arrive whenever somebody finds them.
  allowedLateness: "365 days",
});

export default defineProject({ name: "benchmarks", datasets: { results }, windows: { daily } });
