/** What a report shows: results sorted into groups that may be held against each other. */
import { compareAll, type CompareOptions, type Comparison } from "../compare/comparison.ts";
import { type BenchResult } from "../result/result.ts";
import { medianInterval } from "../statistics/bootstrap.ts";
import { median } from "../statistics/order.ts";
import { groupBy } from "./group-by.ts";

export interface Rate {
  readonly value: number;
  /** 95 % interval of the median over slices or seconds; null for fewer than five of them. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface ReportLane {
  readonly name: string;
  /** `Valkey 8.0.1`. */
  readonly engine: string;
  /** Colour of the lane, the same in all groups: an index from 0. */
  readonly color: number;
  readonly rate: Rate;
  readonly result: BenchResult;
}

export interface ReportGroup {
  /** `kv-mixed, 50 connections, pipeline 16`. */
  readonly title: string;
  readonly lanes: readonly ReportLane[];
  /** Null for one lane alone. */
  readonly comparison: Comparison | null;
}

export interface ReportModel {
  readonly groups: readonly ReportGroup[];
  readonly names: readonly string[];
  readonly results: readonly BenchResult[];
}

export type JudgedBy = Pick<CompareOptions, "seed" | "minEffect">;

/** Fewer values have no interval worth drawing. */
const FEWEST_RATES = 5;

/** Results of targets that repeat another one set the noise floor, and are not shown themselves. */
export function reportModel(results: readonly BenchResult[], options: JudgedBy = {}): ReportModel {
  const shown = results.filter(({ config }) => config.twin_of === null);
  const names = [...new Set(shown.map(({ config }) => config.name))];
  const groups = groupBy(results, loadKey)
    .flatMap(separateRepeats)
    .map((members) => groupOf(members, names, options))
    .filter(({ lanes }) => lanes.length > 0)
    .toSorted((left, right) => (startOf(left) < startOf(right) ? -1 : 1));
  return { groups: withComparisons(groups, options), names, results: shown };
}

/** Groups of one comparison are judged together: each figure more is one more to be wrong about. */
function withComparisons(groups: readonly Ungraded[], options: JudgedBy): readonly ReportGroup[] {
  const comparable = groups.filter(
    ({ lanes }) =>
      new Set(lanes.map(({ name }) => name)).size > 1 &&
      // Two knees lie at different rates: their latencies are not to be held against each other.
      lanes.every(({ result }) => result.config.sweep === null),
  );
  const comparisons = new Map<Ungraded, Comparison>();
  for (const together of groupBy(comparable, runOf)) {
    const found = compareAll(
      together.map(({ members, lanes }) => startingWith(lanes[0]?.name ?? "", members)),
      options,
    );
    together.forEach((group, index) => {
      const comparison = found[index];
      if (comparison !== undefined) comparisons.set(group, comparison);
    });
  }
  return groups.map((group) => {
    const { title, lanes } = group;
    return { title, lanes, comparison: comparisons.get(group) ?? null };
  });
}

/** Groups come in the order in which they ran, however the files are called. */
function startOf({ members }: Ungraded): string {
  return members.map(({ start_time: time }) => time).toSorted()[0] ?? "";
}

function runOf({ members }: Ungraded): string {
  const [first] = members;
  return first === undefined ? "" : (first.pair_id ?? first.run_id);
}

/** The first lane of a group is its baseline. */
function startingWith(name: string, members: readonly BenchResult[]): readonly BenchResult[] {
  const isFirst = ({ config }: BenchResult): boolean => config.name === name;
  return [...members.filter(isFirst), ...members.filter((each) => !isFirst(each))];
}

function loadKey({ config }: BenchResult): string {
  const { workload, workload_sha256: hash, connections, pipeline, workers, loop, rate } = config;
  return JSON.stringify([workload.name, hash, connections, pipeline, workers, loop, rate]);
}

/** One target measured twice under one load makes two groups: runs that belong together first. */
function separateRepeats(members: readonly BenchResult[]): readonly (readonly BenchResult[])[] {
  const names = members.map(({ config }) => config.name);
  if (new Set(names).size === names.length) return [members];
  return groupBy(members, ({ pair_id, run_id }) => pair_id ?? run_id);
}

interface Ungraded extends Omit<ReportGroup, "comparison"> {
  readonly members: readonly BenchResult[];
}

function groupOf(
  members: readonly BenchResult[],
  names: readonly string[],
  options: JudgedBy,
): Ungraded {
  const lanes = members
    .filter(({ config }) => config.twin_of === null)
    .map((result) => ({
      name: result.config.name,
      engine: engineText(result),
      color: names.indexOf(result.config.name),
      rate: rateOf(result, options.seed ?? 1),
      result,
    }))
    .toSorted((left, right) => left.color - right.color);
  const [first] = lanes;
  return { title: first === undefined ? "" : titleOf(first.result), lanes, members };
}

export function engineText({ engine_type, engine_version }: BenchResult): string {
  return `${engine_type} ${engine_version ?? "of unknown version"}`;
}

function titleOf({ config }: BenchResult): string {
  const { workload, connections, pipeline, loop, rate } = config;
  const depth = pipeline === 1 ? "no pipelining" : `pipeline ${pipeline}`;
  const pace =
    loop === "closed" ? "" : `, open loop at ${rate === null ? "rising rates" : `${rate}/s`}`;
  return `${workload.name}, ${connections} connections, ${depth}${pace}`;
}

function rateOf({ stats }: BenchResult, seed: number): Rate {
  const fromSlices = stats.slices.map(({ requests, seconds }) => requests / seconds);
  const rates = fromSlices.length > 0 ? fromSlices : stats.timeseries.map(({ ops }) => ops);
  if (rates.length < FEWEST_RATES) return { value: stats.throughput_ops, low: null, high: null };
  const { low, high } = medianInterval(rates, { seed });
  return { value: median(rates), low, high };
}
