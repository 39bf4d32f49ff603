/** A measurement as a result file. */
import { createHash, randomUUID } from "node:crypto";
import { decodeHistogram } from "../histogram/codec.ts";
import { type LatencyHistogram } from "../histogram/histogram.ts";
import {
  type ClusterChange,
  type LoadOutcome,
  mergeHistograms,
  type OperationOutcome,
} from "../load/outcome.ts";
import { ReplyKind } from "../resp/reply-counter.ts";
import { describeLatency } from "../result/latency-summary.ts";
import { recordOf } from "../result/histogram-record.ts";
import { type BenchResult, RESULT_SCHEMA_NAME } from "../result/result.ts";
import { coresBetween, type CpuLook } from "../target/cpu-course.ts";
import { type ServerFacts } from "../target/server-facts.ts";
import { countersBetween, cpuBetween, type ServerReading } from "../target/server-meter.ts";
import { showTarget } from "../target/target.ts";
import { isHeadline, type Operation } from "../workload/workload.ts";
import { type RunPlan } from "./run-plan.ts";

export interface MeasuredRun {
  readonly plan: RunPlan;
  readonly facts: ServerFacts;
  readonly outcome: LoadOutcome;
  /** Threads or agents that went away in the middle, in words. */
  readonly lost?: readonly string[];
  readonly fill: LoadOutcome | undefined;
  readonly before: ServerReading;
  readonly after: ServerReading;
  /** The servers' processor time in the course of the run. */
  readonly serverLooks?: readonly CpuLook[];
  readonly environment: BenchResult["environment"];
}

/** Shares of failed operations, of time in which the event loop was busy, and the like. */
const MAX_ERROR_SHARE = 0.01;
const BUSY_CLIENT = 0.95;
const BUSY_SERVER = 0.9;
const MAX_STEAL = 0.02;

export function describeRun(run: MeasuredRun): BenchResult {
  const { plan, facts, outcome, environment } = run;
  const startMs = Date.parse(outcome.startedAt);
  const total = headlineOf(run);
  return {
    schema: RESULT_SCHEMA_NAME,
    run_id: randomUUID(),
    pair_id: null,
    config: configOf(plan),
    engine_type: facts.type,
    engine_version: facts.version,
    engine: {
      compat_version: facts.compatVersion,
      mode: facts.mode,
      managed: facts.managed,
      detected_by: facts.detectedBy,
      settings: { ...facts.settings },
      denied: [...facts.denied],
    },
    start_time: outcome.startedAt,
    end_time: new Date(startMs + outcome.elapsedMs).toISOString(),
    stats: statsOf(run, total),
    environment,
    histogram: {
      all: recordOf(total),
      by_command: Object.fromEntries(
        outcome.operations.map(({ name, histogram }) => [
          name,
          recordOf(decodeHistogram(histogram)),
        ]),
      ),
    },
    errors: {
      total: failedCount(outcome),
      by_kind: { ...outcome.errors },
      samples: [...outcome.samples],
    },
    validity: validityOf(run, total),
    extra: {},
  };
}

/** All operations; of pub/sub what subscribers feel, which is not what a publisher waits for. */
function headlineOf({ outcome, plan }: MeasuredRun): LatencyHistogram {
  const operations = outcome.operations.filter(({ name }) => isHeadline(plan.workload, name));
  return mergeHistograms(operations.map(({ histogram }) => histogram));
}

function configOf(plan: RunPlan): BenchResult["config"] {
  const { workload, pace } = plan;
  const written = { ...workload, name: workload.name, kind: plan.kind };
  return {
    name: plan.target.name,
    twin_of: null,
    target: showTarget(plan.target),
    workload: {
      ...written,
      duration_s: Number.isFinite(plan.durationMs) ? plan.durationMs / 1000 : null,
      requests: Number.isFinite(plan.requests) ? plan.requests : null,
    },
    // The prefix is drawn anew for each run, and changes nothing.
    workload_sha256: createHash("sha256")
      .update(JSON.stringify({ ...written, prefix: "" }))
      .digest("hex"),
    driver: "raw",
    loop: pace.kind,
    rate: pace.kind === "open" ? pace.perSecond : null,
    arrival: pace.kind === "open" ? pace.arrival : null,
    connections: plan.connections,
    pipeline: plan.depth,
    workers: plan.workers,
    warmup_s: plan.warmupMs / 1000,
    seed: plan.seed,
    pairs: null,
    slice_ms: null,
    sweep: null,
  };
}

function statsOf(run: MeasuredRun, total: LatencyHistogram): BenchResult["stats"] {
  const { plan, outcome, before, after } = run;
  const seconds = outcome.elapsedMs / 1000;
  const isOpen = plan.pace.kind === "open";
  const operations = plan.workload.operations;
  const byCommand = outcome.operations.map((each, index) => {
    const stats = commandStats(each, operations[index], plan, seconds);
    return [each.name, stats] as const;
  });
  const count = (read: (stats: (typeof byCommand)[number][1]) => number | null): number =>
    byCommand.reduce((sum, [, stats]) => sum + (read(stats) ?? 0), 0);
  const requests = total.count;
  const serverCpuMs = serverCpuOf(run);
  const perOperation = (cpuMs: number | null): number | null =>
    cpuMs === null || requests === 0 ? null : (cpuMs * 1000) / requests;
  return {
    requests,
    duration_s: seconds,
    throughput_ops: seconds === 0 ? 0 : requests / seconds,
    bytes_in: outcome.bytesIn,
    bytes_out: outcome.bytesOut,
    hits: count(({ hits }) => hits),
    misses: count(({ misses }) => misses),
    dropped: outcome.dropped,
    reconnects: outcome.reconnects,
    redirects: { moved: outcome.moved, asked: outcome.asked },
    latency_ms: describeLatency(total, isOpen ? "intended" : "send"),
    latency_send_ms:
      outcome.sinceSent === null
        ? null
        : describeLatency(decodeHistogram(outcome.sinceSent), "send"),
    slip_ms:
      outcome.slip === null ? null : describeLatency(decodeHistogram(outcome.slip), "intended"),
    by_command: Object.fromEntries(byCommand),
    timeseries: timeseriesOf(run),
    slices: [],
    sweep: [],
    knee: null,
    client: {
      cpu_cores: seconds === 0 ? null : outcome.client.cpuMs / outcome.elapsedMs,
      cpu_us_per_op: perOperation(outcome.client.cpuMs),
      event_loop_delay_p99_ms: outcome.client.loopDelayP99Ms,
      is_limited: isClientLimited(run, total),
    },
    server: {
      cpu_cores: serverCpuMs === null || seconds === 0 ? null : serverCpuMs / outcome.elapsedMs,
      cpu_us_per_op: perOperation(serverCpuMs),
      used_memory_bytes: after.usedMemoryBytes,
      info_delta: hasNewMasters(run) ? {} : { ...countersBetween(before, after) },
    },
  };
}

/** What a master had spent before it came is not known, so that the sum would be wrong. */
function serverCpuOf(run: MeasuredRun): number | null {
  return hasNewMasters(run) ? null : cpuBetween(run.before, run.after);
}

function hasNewMasters({ outcome }: MeasuredRun): boolean {
  return (outcome.clusterChange?.came.length ?? 0) > 0;
}

function commandStats(
  outcome: OperationOutcome,
  operation: Operation | undefined,
  { labels, pace }: RunPlan,
  seconds: number,
): BenchResult["stats"]["by_command"][string] {
  const { name, succeeded, failed, elements, misses, histogram } = outcome;
  const missOn = operation?.missOn ?? 0;
  const isLookup = missOn !== 0;
  const lookups = (missOn & ReplyKind.list) === 0 ? succeeded : elements;
  const label = labels[name];
  return {
    command: operation?.steps.at(-1)?.[0] ?? name,
    structure: label?.structure ?? null,
    size: label?.size ?? null,
    requests: succeeded,
    errors: failed,
    hits: isLookup ? lookups - misses : null,
    misses: isLookup ? misses : null,
    throughput_ops: seconds === 0 ? 0 : succeeded / seconds,
    latency_ms: describeLatency(
      decodeHistogram(histogram),
      pace.kind === "open" ? "intended" : "send",
    ),
  };
}

function timeseriesOf({
  outcome,
  serverLooks = [],
}: MeasuredRun): BenchResult["stats"]["timeseries"] {
  const originMs = Date.parse(outcome.startedAt);
  return outcome.points.map((point) => {
    const lengthMs = Math.max(1, point.endMs - point.startMs);
    const isEmpty = point.operations === 0;
    return {
      t_s: point.endMs / 1000,
      ops: (point.operations / lengthMs) * 1000,
      errors: point.errors,
      p50_ms: isEmpty ? null : point.p50Ms,
      p99_ms: isEmpty ? null : point.p99Ms,
      max_ms: isEmpty ? null : point.maxMs,
      client_cpu: point.cpuMs === null ? null : point.cpuMs / lengthMs,
      client_loop_delay_ms: point.loopDelayMs,
      server_cpu: coresBetween(serverLooks, originMs + point.startMs, originMs + point.endMs),
    };
  });
}

/**
 * Closed loop: our event loop never rested while the server had time left. Open loop: requests went
 * out so late that the delay is a good part of the latency.
 */
function isClientLimited(run: MeasuredRun, total: LatencyHistogram): boolean {
  const { outcome, plan, facts } = run;
  if (plan.pace.kind === "open") {
    if (outcome.slip === null || total.count === 0) return false;
    const slip = decodeHistogram(outcome.slip).quantileMs(0.99);
    const sent = mergeHistograms([outcome.sinceSent ?? ""]).quantileMs(0.99);
    // Waiting for a connection is the server's doing, not ours: the event loop must be full, too.
    return outcome.client.utilization > BUSY_CLIENT && slip > 0.5 * sent && slip > 5;
  }
  if (outcome.client.utilization < BUSY_CLIENT) return false;
  const cpuMs = serverCpuOf(run);
  const threads = Math.max(1, Number(facts.settings["io-threads"] ?? 1));
  return cpuMs === null || cpuMs / Math.max(1, outcome.elapsedMs) < BUSY_SERVER * threads;
}

function failedCount({ operations }: LoadOutcome): number {
  return operations.reduce((sum, { failed }) => sum + failed, 0);
}

function validityOf(run: MeasuredRun, total: LatencyHistogram): BenchResult["validity"] {
  const { outcome, fill, environment, lost = [] } = run;
  const fatal: string[] = [];
  const notes: string[] = [];
  const failed = failedCount(outcome);
  const share = failed / Math.max(1, failed + total.count);
  if (total.count === 0) fatal.push("no operation succeeded");
  if (outcome.endedBy === "unreachable") fatal.push("the server went away and did not come back");
  if (share > MAX_ERROR_SHARE) fatal.push(`${percent(share)} of all operations failed`);
  else if (failed > 0) notes.push(`${failed} operations failed`);
  if (outcome.dropped > 0) {
    notes.push(`${outcome.dropped} operations were due and never sent: the rate was not met`);
  }
  if (isClientLimited(run, total)) {
    notes.push("the client set the pace, not the server: use more threads, or more machines");
  }
  if (outcome.clusterChange !== null) notes.push(changeNote(outcome.clusterChange, run));
  const unfilled = fill === undefined ? 0 : failedCount(fill);
  if (unfilled > 0) notes.push(`${unfilled} keys could not be made before the run`);
  const steal = environment.steal_share ?? 0;
  if (steal > MAX_STEAL) notes.push(`other guests took ${percent(steal)} of the processors`);
  const isPartial = outcome.endedBy === "interrupted" || outcome.endedBy === "unreachable";
  for (const each of lost) notes.push(`${each}: what it did is missing here`);
  if (outcome.endedBy === "interrupted") {
    notes.push(lost.length > 0 ? "the others were then stopped" : "the run was interrupted");
  }
  return { is_valid: fatal.length === 0, is_partial: isPartial, reasons: [...fatal, ...notes] };
}

function changeNote({ came, gone }: ClusterChange, run: MeasuredRun): string {
  const parts = [
    ...(gone.length > 0 ? [`no master any more: ${gone.join(", ")}`] : []),
    ...(came.length > 0 ? [`a master now: ${came.join(", ")}`] : []),
    ...(gone.length + came.length === 0 ? ["slots have moved"] : []),
    ...(serverCpuOf(run) === null ? ["what the servers spent is not known"] : []),
  ];
  return `the cluster changed in the run: ${parts.join("; ")}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
