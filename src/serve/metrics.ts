/** What Prometheus reads: HTTP as it is measured, the machine as it is at the moment of asking. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Registry } from "prom-client";
import { RequestTimes } from "./request-times.ts";
import { type ServedAlert, type ServedSink, type ServedStatus } from "./rooms.ts";

const NANOSECONDS = 1e9;

export class Metrics implements Disposable {
  readonly #registry = new Registry();
  readonly #lag = monitorEventLoopDelay({ resolution: 20 });
  readonly #set: (status: Measured, pendingBytes: number) => void;
  readonly requests = new RequestTimes();
  readonly liveClients: Gauge;
  readonly receivedBytes: Counter;

  constructor() {
    const registers = [this.#registry];
    this.liveClients = new Gauge({
      name: "kurobe_live_clients",
      help: "Connections that watch window results.",
      registers,
    });
    this.receivedBytes = new Counter({
      name: "kurobe_ingest_body_bytes_total",
      help: "Bytes of bodies of rows, after content decoding.",
      registers,
    });
    this.#registerProcess(registers);
    this.#set = statusGauges(registers);
    this.#lag.enable();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Status is null while the log is still being read back. */
  async text(status: Measured | null, pendingBytes: number): Promise<string> {
    if (status !== null) this.#set(status, pendingBytes);
    return `${await this.#registry.metrics()}\n${this.requests.text()}`;
  }

  #registerProcess(registers: Registry[]): void {
    const lag = this.#lag;
    void new Gauge({
      name: "kurobe_process_resident_memory_bytes",
      help: "Memory of the process that is in RAM.",
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
    void new Gauge({
      name: "kurobe_process_cpu_seconds_total",
      help: "CPU time of the process, user and system.",
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        this.set((user + system) / 1e6);
      },
    });
    void new Gauge({
      name: "kurobe_event_loop_lag_seconds",
      help: "How late timers fired since the last scrape.",
      labelNames: ["quantile"],
      registers,
      collect() {
        this.set({ quantile: "0.5" }, lag.percentile(50) / NANOSECONDS);
        this.set({ quantile: "0.99" }, lag.percentile(99) / NANOSECONDS);
        this.set({ quantile: "1" }, lag.max / NANOSECONDS);
        lag.reset();
      },
    });
  }

  [Symbol.dispose](): void {
    this.#lag.disable();
    this.#registry.clear();
  }
}

/** The machine with its sinks and alerts. */
type Measured = ServedStatus & {
  readonly sinks: readonly ServedSink[];
  readonly alerts: readonly ServedAlert[];
};

interface Reading {
  readonly help: string;
  /** Label names in order; none where there is one value. */
  readonly labels: readonly string[];
  /** One label value per name, then the number. */
  readonly values: (status: Measured) => readonly (readonly [...string[], number])[];
}

const one = (help: string, value: (status: ServedStatus) => number): Reading => ({
  help,
  labels: [],
  values: (status) => [[value(status)]],
});

const ofDatasets = (
  help: string,
  value: (dataset: ServedStatus["datasets"][number]) => number | null,
): Reading => ({
  help,
  labels: ["dataset"],
  values: ({ datasets }) => present(datasets.map((dataset) => [dataset.name, value(dataset)])),
});

const ofWindows = (
  help: string,
  value: (window: ServedStatus["windows"][number]) => number | null,
): Reading => ({
  help,
  labels: ["window"],
  values: ({ windows }) => present(windows.map((window) => [window.name, value(window)])),
});

const ofSinks = (help: string, value: (sink: ServedSink) => number): Reading => ({
  help,
  labels: ["sink"],
  values: ({ sinks }) => sinks.map((sink) => [sink.name, value(sink)]),
});

function present(
  values: readonly (readonly [string, number | null])[],
): readonly (readonly [string, number])[] {
  return values.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
}

function seconds(us: bigint | null): number | null {
  return us === null ? null : Number(us) / 1e6;
}

const READINGS: Readonly<Record<string, Reading>> = {
  kurobe_up: one("1 while the engine takes rows.", ({ state }) => (state === "running" ? 1 : 0)),
  kurobe_rows_total: {
    help: "Rows that came in, by what became of them.",
    labels: ["dataset", "outcome"],
    values: ({ datasets }) =>
      datasets.flatMap(({ name, accepted, rejected, duplicates }) => [
        [name, "accepted", accepted] as const,
        [name, "rejected", rejected] as const,
        [name, "duplicate", duplicates] as const,
      ]),
  },
  kurobe_late_rows_total: ofDatasets(
    "Accepted rows that came too late for a window.",
    ({ late }) => late,
  ),
  kurobe_stored_rows: ofDatasets("Rows in memory and chunks.", ({ storedRows }) => storedRows),
  kurobe_dead_letters: ofDatasets("Refused rows that wait.", ({ deadLetters }) => deadLetters),
  kurobe_chunks: ofDatasets("Parquet files of the dataset.", ({ chunks }) => chunks),
  kurobe_chunk_bytes: ofDatasets("Their size.", ({ chunkBytes }) => chunkBytes),
  kurobe_watermark_timestamp_seconds: ofDatasets(
    "Event time up to which rows are taken to be complete.",
    ({ watermarkUs }) => seconds(watermarkUs),
  ),
  kurobe_watermark_age_seconds: ofDatasets(
    "How far the watermark is behind the clock.",
    ({ watermarkAgeMs }) => (watermarkAgeMs === null ? null : watermarkAgeMs / 1000),
  ),
  kurobe_late_rows_waiting: ofDatasets(
    "Late rows that do not count in some window, once for each.",
    ({ lateRows }) => lateRows,
  ),
  kurobe_window_open: ofWindows("Windows with rows that are not closed yet.", ({ open }) => open),
  kurobe_window_results_total: ofWindows("Results published.", ({ published }) => published),
  kurobe_window_corrections_total: ofWindows(
    "Results published again because of late rows.",
    ({ corrected }) => corrected,
  ),
  kurobe_window_closed_until_timestamp_seconds: ofWindows(
    "Event time up to which windows are closed.",
    ({ closedUntilUs }) => seconds(closedUntilUs),
  ),
  kurobe_alert_groups: {
    help: "Groups in alarm.",
    labels: ["alert", "state"],
    values: ({ alerts }) =>
      alerts.flatMap(({ name, pending, firing }) => [
        [name, "pending", pending] as const,
        [name, "firing", firing] as const,
      ]),
  },
  kurobe_sink_lag_rows: ofSinks("Rows that wait to be delivered.", ({ lagRows }) => lagRows),
  kurobe_sink_lag_seconds: ofSinks(
    "How long the receiver has not had everything.",
    ({ lagMs }) => lagMs / 1000,
  ),
  kurobe_sink_delivered_total: ofSinks("Rows delivered.", ({ delivered }) => delivered),
  kurobe_sink_skipped_total: ofSinks("Rows left out by policy.", ({ skipped }) => skipped),
  kurobe_sink_failures_total: ofSinks("Tries that failed.", ({ failures }) => failures),
  kurobe_sink_up: ofSinks("1 while the receiver takes deliveries.", ({ state }) =>
    state === "retrying" || state === "blocked" ? 0 : 1,
  ),
  kurobe_applied_position: one(
    "Log position of the last applied entry.",
    ({ appliedPosition }) => appliedPosition,
  ),
  kurobe_queued_entries: one(
    "Entries accepted and not yet applied.",
    ({ queuedEntries }) => queuedEntries,
  ),
  kurobe_memory_rows: one("Rows in memory tables.", ({ memoryRows }) => memoryRows),
  kurobe_memory_bytes: one("Bytes of bodies in memory tables.", ({ memoryBytes }) => memoryBytes),
  kurobe_log_fdatasyncs_total: one("Syncs of the log since the start.", ({ log }) => log.syncs),
  kurobe_log_bytes: one("Size of the log.", ({ log }) => log.bytes),
  kurobe_log_segments: one("Files of the log.", ({ log }) => log.segments),
  kurobe_log_next_position: one("Position of the next entry.", ({ log }) => log.nextPosition),
  kurobe_disk_full: one("1 while rows cannot be written or applied for lack of room.", (status) =>
    status.diskFull ? 1 : 0,
  ),
  kurobe_checkpoint_running: one("1 while a checkpoint is written.", ({ checkpointRunning }) =>
    checkpointRunning ? 1 : 0,
  ),
  kurobe_checkpoint_position: one(
    "Log position that the last checkpoint stands for.",
    ({ lastCheckpoint }) => lastCheckpoint?.position ?? 0,
  ),
  kurobe_checkpoint_timestamp_seconds: one(
    "When the last checkpoint was taken.",
    ({ lastCheckpoint }) => seconds(lastCheckpoint?.createdAtUs ?? null) ?? 0,
  ),
  kurobe_checkpoint_milliseconds: one(
    "How long the last checkpoint took.",
    ({ lastCheckpoint }) => lastCheckpoint?.elapsedMs ?? 0,
  ),
  kurobe_checkpoint_pause_milliseconds: one(
    "How long the writer stood still for it.",
    ({ lastCheckpoint }) => lastCheckpoint?.pauseMs ?? 0,
  ),
  kurobe_recovered_entries: one(
    "Log entries that were read back at the start.",
    ({ recovered }) => recovered.entries,
  ),
};

function statusGauges(registers: Registry[]): (status: Measured, pendingBytes: number) => void {
  const pending = new Gauge({
    name: "kurobe_pending_body_bytes",
    help: "Bodies that are being read or wait to be applied.",
    registers,
  });
  const gauges = Object.entries(READINGS).map(([name, { help, labels, values }]) => ({
    gauge: new Gauge({ name, help, labelNames: labels, registers }),
    labels,
    values,
  }));
  return (status, pendingBytes) => {
    pending.set(pendingBytes);
    for (const { gauge, labels, values } of gauges) {
      for (const line of values(status)) {
        const value = line.at(-1);
        const named = Object.fromEntries(labels.map((label, i) => [label, String(line[i])]));
        gauge.set(named, Number(value));
      }
    }
  };
}
