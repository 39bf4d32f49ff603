/**
 * What a run came to, as plain data: threads and agents send it, and several are merged into one.
 */
import { decodeHistogram, encodeHistogram } from "../histogram/codec.ts";
import { LatencyHistogram } from "../histogram/histogram.ts";
import { type IntervalPoint, type Recorder } from "./recorder.ts";

export interface OperationOutcome {
  readonly name: string;
  readonly succeeded: number;
  readonly failed: number;
  /** Of lists with one value for each key asked for: all of them, where the operation has such. */
  readonly elements: number;
  /** Replies that mean that nothing was there, or elements that do. */
  readonly misses: number;
  readonly histogram: string;
}

export interface ClientEffort {
  /** CPU time of the process, all its threads together; 0 where another thread reports it. */
  readonly cpuMs: number;
  /** Share of the time in which the event loop was busy, from 0 to 1; the busiest thread's. */
  readonly utilization: number;
  readonly gcMs: number;
  /** How late the event loop was in 1 % of all looks; the latest thread's. */
  readonly loopDelayP99Ms: number;
}

/** What became of a cluster in the middle of a run; empty lists where slots alone have moved. */
export interface ClusterChange {
  /** Addresses of masters. */
  readonly came: readonly string[];
  readonly gone: readonly string[];
}

export type EndedBy = "duration" | "requests" | "interrupted" | "unreachable";

export interface LoadOutcome {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly elapsedMs: number;
  readonly endedBy: EndedBy;
  readonly operations: readonly OperationOutcome[];
  /** By first word of the reply, or ours: `timeout`, `connection_lost`, `connect_failed`. */
  readonly errors: Readonly<Record<string, number>>;
  readonly samples: readonly string[];
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly reconnects: number;
  /** Commands that were sent again to the node that MOVED or ASK named. */
  readonly moved: number;
  readonly asked: number;
  /** Null where there is no cluster, or nothing of it has changed. */
  readonly clusterChange: ClusterChange | null;
  readonly dropped: number;
  /** Open loop alone. */
  readonly sinceSent: string | null;
  readonly slip: string | null;
  readonly points: readonly IntervalPoint[];
  readonly client: ClientEffort;
}

export interface OutcomeFacts {
  readonly startedAt: string;
  readonly elapsedMs: number;
  readonly endedBy: EndedBy;
  readonly isOpenLoop: boolean;
  readonly clusterChange?: ClusterChange | null;
  readonly client: ClientEffort;
}

export function outcomeOf(recorder: Recorder, facts: OutcomeFacts): LoadOutcome {
  const { isOpenLoop, clusterChange = null, ...rest } = facts;
  return {
    ...rest,
    clusterChange,
    operations: recorder.operations.map((name, index) => ({
      name,
      succeeded: recorder.succeeded[index] ?? 0,
      failed: recorder.failed[index] ?? 0,
      elements: recorder.elements[index] ?? 0,
      misses: recorder.misses[index] ?? 0,
      histogram: encodeHistogram(recorder.latencies[index] ?? new LatencyHistogram()),
    })),
    errors: Object.fromEntries(recorder.errors),
    samples: [...recorder.samples],
    bytesIn: recorder.bytesIn,
    bytesOut: recorder.bytesOut,
    reconnects: recorder.reconnects,
    moved: recorder.moved,
    asked: recorder.asked,
    dropped: recorder.dropped,
    sinceSent: isOpenLoop ? encodeHistogram(recorder.sinceSent) : null,
    slip: isOpenLoop ? encodeHistogram(recorder.slip) : null,
    points: [...recorder.points],
  };
}

/** All latencies of an outcome, whatever the operation. */
export function allLatencies(outcome: LoadOutcome): LatencyHistogram {
  return mergeHistograms(outcome.operations.map(({ histogram }) => histogram));
}

/** Outcomes of one run that went on at the same time in several threads or machines. */
export function mergeOutcomes(outcomes: readonly LoadOutcome[]): LoadOutcome {
  return {
    ...addOutcomes(outcomes),
    elapsedMs: Math.max(...outcomes.map(({ elapsedMs }) => elapsedMs)),
    points: mergePoints(outcomes.map(({ points }) => points)),
  };
}

/** Outcomes of runs that followed each other: the time between them does not count. */
export function joinOutcomes(outcomes: readonly LoadOutcome[]): LoadOutcome {
  let elapsedMs = 0;
  const points: IntervalPoint[] = [];
  for (const outcome of outcomes) {
    for (const point of outcome.points) {
      const [startMs, endMs] = [point.startMs + elapsedMs, point.endMs + elapsedMs];
      points.push({ ...point, startMs, endMs });
    }
    elapsedMs += outcome.elapsedMs;
  }
  return { ...addOutcomes(outcomes), elapsedMs, points };
}

/** What is a sum, or a histogram, either way. */
function addOutcomes(outcomes: readonly LoadOutcome[]): Omit<LoadOutcome, "elapsedMs" | "points"> {
  const [first] = outcomes;
  if (first === undefined) throw new Error("there is no outcome to merge");
  const sum = (read: (outcome: LoadOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + read(outcome), 0);
  const errors: Record<string, number> = {};
  for (const outcome of outcomes) {
    for (const [kind, count] of Object.entries(outcome.errors)) {
      errors[kind] = (errors[kind] ?? 0) + count;
    }
  }
  return {
    startedAt: outcomes.map(({ startedAt }) => startedAt).toSorted()[0] ?? first.startedAt,
    endedBy: outcomes.find(({ endedBy }) => endedBy !== first.endedBy)?.endedBy ?? first.endedBy,
    operations: first.operations.map((_, index) => mergeOperations(outcomes, index)),
    errors,
    samples: [...new Set(outcomes.flatMap(({ samples }) => samples))].slice(0, 10),
    bytesIn: sum(({ bytesIn }) => bytesIn),
    bytesOut: sum(({ bytesOut }) => bytesOut),
    reconnects: sum(({ reconnects }) => reconnects),
    moved: sum(({ moved }) => moved),
    asked: sum(({ asked }) => asked),
    clusterChange: mergeChanges(outcomes.flatMap(({ clusterChange }) => clusterChange ?? [])),
    dropped: sum(({ dropped }) => dropped),
    sinceSent: mergeOptional(outcomes.map(({ sinceSent }) => sinceSent)),
    slip: mergeOptional(outcomes.map(({ slip }) => slip)),
    client: {
      cpuMs: sum(({ client }) => client.cpuMs),
      utilization: Math.max(...outcomes.map(({ client }) => client.utilization)),
      gcMs: sum(({ client }) => client.gcMs),
      loopDelayP99Ms: Math.max(...outcomes.map(({ client }) => client.loopDelayP99Ms)),
    },
  };
}

/** All of them have seen the same cluster. */
function mergeChanges(changes: readonly ClusterChange[]): ClusterChange | null {
  if (changes.length === 0) return null;
  return {
    came: [...new Set(changes.flatMap(({ came }) => came))],
    gone: [...new Set(changes.flatMap(({ gone }) => gone))],
  };
}

function mergeOperations(outcomes: readonly LoadOutcome[], index: number): OperationOutcome {
  const parts = outcomes.flatMap(({ operations }) => operations[index] ?? []);
  const sum = (read: (part: OperationOutcome) => number): number =>
    parts.reduce((total, part) => total + read(part), 0);
  return {
    name: parts[0]?.name ?? "",
    succeeded: sum(({ succeeded }) => succeeded),
    failed: sum(({ failed }) => failed),
    elements: sum(({ elements }) => elements),
    misses: sum(({ misses }) => misses),
    histogram: encodeHistogram(mergeHistograms(parts.map(({ histogram }) => histogram))),
  };
}

/** Intervals of the same number belong together: everybody started at the same time. */
function mergePoints(lists: readonly (readonly IntervalPoint[])[]): readonly IntervalPoint[] {
  const longest = Math.max(...lists.map((points) => points.length));
  return Array.from({ length: longest }, (_, index) =>
    mergeInterval(lists.flatMap((each) => each[index] ?? [])),
  );
}

/** One interval as several threads or machines saw it; there must be one at least. */
export function mergeInterval(points: readonly IntervalPoint[]): IntervalPoint {
  const whole = mergeHistograms(points.map(({ histogram }) => histogram));
  return {
    startMs: Math.min(...points.map(({ startMs }) => startMs)),
    endMs: Math.max(...points.map(({ endMs }) => endMs)),
    operations: points.reduce((total, { operations }) => total + operations, 0),
    errors: points.reduce((total, { errors }) => total + errors, 0),
    p50Ms: whole.quantileMs(0.5),
    p99Ms: whole.quantileMs(0.99),
    maxMs: whole.maxMs,
    histogram: encodeHistogram(whole),
    cpuMs: ofAll(
      points.map(({ cpuMs }) => cpuMs),
      (all) => all.reduce((sum, ms) => sum + ms, 0),
    ),
    loopDelayMs: ofAll(
      points.map(({ loopDelayMs }) => loopDelayMs),
      (all) => Math.max(...all),
    ),
  };
}

/** Of the numbers that are known; null where none is. */
function ofAll(
  numbers: readonly (number | null)[],
  merge: (known: readonly number[]) => number,
): number | null {
  const known = numbers.filter((number) => number !== null);
  return known.length === 0 ? null : merge(known);
}

export function mergeHistograms(texts: readonly string[]): LatencyHistogram {
  const whole = new LatencyHistogram();
  for (const text of texts) whole.merge(decodeHistogram(text));
  return whole;
}

function mergeOptional(texts: readonly (string | null)[]): string | null {
  const present = texts.filter((text) => text !== null);
  return present.length === 0 ? null : encodeHistogram(mergeHistograms(present));
}
