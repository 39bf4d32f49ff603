/** One result file of the benchmark suite: one engine under one workload, with all behind it. */
import { z } from "zod";
import { histogramRecord } from "./histogram-record.ts";
import { latencySummary } from "./latency-summary.ts";

export const RESULT_SCHEMA_NAME = "kurobe.bench/1";

const count = z.int().min(0);
const amount = z.number().min(0);
const instant = z.iso.datetime({ offset: true });
const anything = z.record(z.string(), z.unknown());

const sweepConfig = z.strictObject({
  from: amount,
  to: amount,
  max_p99_ms: amount.describe("A rate with a higher p99, from the intended time, fails."),
  min_achieved: amount.describe("A rate of which a smaller share was done fails."),
  precision: amount.describe("The knee is known within this share."),
  step_s: amount,
});

const config = z
  .strictObject({
    name: z.string().min(1).describe("Of the target, as given: `redis`, `valkey-8-tls`."),
    twin_of: z
      .string()
      .nullable()
      .describe("The target that this one repeats, so that the noise between equals is known."),
    target: z.string().describe("URL without user name and password."),
    workload: z
      .looseObject({ name: z.string().min(1), kind: z.string().min(1) })
      .describe("As it ran, defaults filled in: enough to run it again."),
    workload_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    driver: z.string().describe("`raw` is the suite's own client."),
    loop: z.enum(["closed", "open"]),
    rate: amount.nullable().describe("Requests a second that an open loop was told to send."),
    arrival: z.enum(["constant", "poisson"]).nullable(),
    connections: z.int().positive(),
    pipeline: z.int().positive(),
    workers: z.int().positive(),
    warmup_s: amount,
    seed: z.int(),
    pairs: count.nullable().describe("Of slices, in a paired comparison."),
    slice_ms: amount.nullable(),
    sweep: sweepConfig.nullable().describe("Of a run whose rate was raised; `rate` is then null."),
  })
  .describe("What was asked for.");

const ENGINE_TYPES = [
  "Redis",
  "Valkey",
  "KeyDB",
  "Dragonfly",
  "Kvrocks",
  "Garnet",
  "Unknown",
] as const;

const engine = z.strictObject({
  compat_version: z.string().nullable().describe("The Redis version that it says it speaks."),
  mode: z.enum(["standalone", "cluster", "sentinel", "unknown"]),
  managed: z.enum(["none", "elasticache", "unknown"]),
  detected_by: z.string().describe("What told the type: HELLO, INFO, or the user."),
  settings: z
    .record(z.string(), z.string())
    .describe("Those that matter for speed: io-threads, save, appendonly, maxmemory, …"),
  denied: z.array(z.string()).describe("Commands that the server refused: CONFIG on managed ones."),
});

const commandStats = z.strictObject({
  command: z.string().describe("GET, ZADD, … The key of this entry may say more: `ZADD 1000`."),
  structure: z.string().nullable().describe("string, hash, zset, …"),
  size: count.nullable().describe("Members of the structure, or bytes of the value."),
  requests: count,
  errors: count,
  hits: count
    .nullable()
    .describe(
      "Keys that were there, of those asked for: an MGET of ten keys has ten. Null: no lookup.",
    ),
  misses: count.nullable().describe("Keys that were asked for and not there."),
  throughput_ops: amount,
  latency_ms: latencySummary,
});

const moment = z.strictObject({
  t_s: amount.describe("End of the interval, from the start of the measurement."),
  ops: amount.describe("Requests a second in the interval."),
  errors: count,
  p50_ms: amount.nullable(),
  p99_ms: amount.nullable(),
  max_ms: amount.nullable(),
  client_cpu: amount.nullable().describe("Cores."),
  client_loop_delay_ms: amount
    .nullable()
    .describe("The longest that the client's event loop kept something waiting."),
  server_cpu: amount.nullable().describe("Cores."),
});

const slice = z
  .strictObject({
    pair: count,
    position: count.describe("0 where this target went first in the pair."),
    seconds: z.number().positive(),
    requests: count.describe("That succeeded; errors are not among them."),
    errors: count,
    p50_ms: amount.nullable(),
    p99_ms: amount.nullable(),
    client_cpu_s: amount.nullable(),
    server_cpu_s: amount.nullable(),
    by_command: z.record(
      z.string(),
      z.strictObject({ requests: count, p50_ms: amount.nullable(), p99_ms: amount.nullable() }),
    ),
  })
  .describe("A short run of this target between short runs of the others.");

const sweepStep = z.strictObject({
  rate: amount,
  throughput_ops: amount,
  errors: count,
  latency_ms: latencySummary,
  is_sustained: z.boolean().describe("The rate was met, its p99 and errors within the limits."),
  reason: z.string().nullable().describe("Why it was not."),
  is_client_limited: z.boolean(),
});

const knee = z
  .strictObject({
    rate: amount,
    throughput_ops: amount,
    p99_ms: amount,
    failed_rate: amount.nullable().describe("The lowest higher rate that was not sustained."),
    is_client_limited: z.boolean(),
  })
  .describe("The highest rate of a sweep that was sustained; the other figures here are its.");

const stats = z.strictObject({
  requests: count,
  duration_s: amount,
  throughput_ops: amount,
  bytes_in: count,
  bytes_out: count,
  hits: count.describe("Of all lookups: keys that were there, not requests."),
  misses: count.describe("Keys that were asked for and not there."),
  dropped: count.describe("Requests that were due and never sent."),
  reconnects: count,
  redirects: z
    .strictObject({ moved: count, asked: count })
    .describe("Commands that a node of a cluster sent to another one: they were sent again."),
  latency_ms: latencySummary,
  latency_send_ms: latencySummary.nullable().describe("From sending, where latency_ms is not."),
  slip_ms: latencySummary.nullable().describe("How late an open loop's requests were sent."),
  by_command: z.record(z.string(), commandStats),
  timeseries: z.array(moment),
  slices: z.array(slice),
  sweep: z.array(sweepStep),
  knee: knee.nullable(),
  client: z.strictObject({
    cpu_cores: amount.nullable(),
    cpu_us_per_op: amount.nullable(),
    event_loop_delay_p99_ms: amount.nullable(),
    is_limited: z.boolean().describe("The client, not the server, may have set the pace."),
  }),
  server: z.strictObject({
    cpu_cores: amount.nullable(),
    cpu_us_per_op: amount.nullable(),
    used_memory_bytes: count.nullable(),
    info_delta: z.record(z.string(), z.number()).describe("Counters of INFO: after less before."),
  }),
});

const environment = z.strictObject({
  host_id: z.string().describe("A hash: the same for runs on one machine, and says nothing else."),
  cpu: z.string(),
  cores: z.int().positive(),
  memory_bytes: count,
  kernel: z.string(),
  node: z.string(),
  kurobe: z.string(),
  governor: z.string().nullable(),
  load_average: amount,
  steal_share: amount.nullable().describe("Of all processor time, taken by other machines."),
  pinning: z.string().nullable(),
  agents: z.array(z.string()).describe("Machines that took part besides this one."),
});

/** The schema that `docs/reference/bench-result.schema.json` publishes. */
export const benchResult = z.strictObject({
  schema: z.literal(RESULT_SCHEMA_NAME),
  run_id: z.string().min(1),
  pair_id: z
    .string()
    .nullable()
    .describe(
      "Of a comparison: its results of one workload ran interleaved, and their slices are pairs.",
    ),
  config,
  engine_type: z.enum(ENGINE_TYPES),
  engine_version: z.string().nullable(),
  engine,
  start_time: instant,
  end_time: instant,
  stats,
  environment,
  histogram: z.strictObject({
    all: histogramRecord,
    by_command: z.record(z.string(), histogramRecord),
  }),
  errors: z
    .strictObject({
      total: count,
      by_kind: z.record(z.string(), count).describe("OOM, WRONGTYPE, MOVED, timeout, closed, …"),
      samples: z.array(z.string()).max(20).describe("A few replies word for word."),
    })
    .describe("Failed operations. They are counted, and do not stop a run."),
  validity: z.strictObject({
    is_valid: z.boolean().describe("False: do not draw conclusions from this file."),
    is_partial: z.boolean().describe("The run was stopped before its end."),
    reasons: z.array(z.string()),
  }),
  extra: anything.describe("For whoever writes such files: not read by Kurobe."),
});

export type BenchResult = DeepReadonly<z.infer<typeof benchResult>>;
export type CommandStats = BenchResult["stats"]["by_command"][string];
export type ResultSlice = BenchResult["stats"]["slices"][number];

type DeepReadonly<T> = T extends readonly unknown[] | object
  ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
  : T;
