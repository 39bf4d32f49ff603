/** What a report shows: results sorted into groups that may be held against each other. */
import { type CompareOptions, compareResults, type Comparison } from "../compare/comparison.ts";
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
    .filter(({ lanes }) => lanes.length > 0);
  return { groups, names, results: shown };
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

function groupOf(
  members: readonly BenchResult[],
  names: readonly string[],
  options: JudgedBy,
): ReportGroup {
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
  const isComparable = lanes.length > 1 && new Set(lanes.map(({ name }) => name)).size > 1;
  const [first] = lanes;
  return {
    title: first === undefined ? "" : titleOf(first.result),
    lanes,
    comparison: isComparable
      ? compareResults(members, { ...options, baseline: first?.name ?? "" })
      : null,
  };
}

export function engineText({ engine_type, engine_version }: BenchResult): string {
  return `${engine_type} ${engine_version ?? "of unknown version"}`;
}

function titleOf({ config }: BenchResult): string {
  const { workload, connections, pipeline, loop, rate } = config;
  const depth = pipeline === 1 ? "no pipelining" : `pipeline ${pipeline}`;
  const pace = loop === "open" ? `, open loop at ${rate ?? 0}/s` : "";
  return `${workload.name}, ${connections} connections, ${depth}${pace}`;
}

function rateOf({ stats }: BenchResult, seed: number): Rate {
  const fromSlices = stats.slices.map(
    ({ requests, errors, seconds }) => (requests - errors) / seconds,
  );
  const rates = fromSlices.length > 0 ? fromSlices : stats.timeseries.map(({ ops }) => ops);
  if (rates.length < FEWEST_RATES) return { value: stats.throughput_ops, low: null, high: null };
  const { low, high } = medianInterval(rates, { seed });
  return { value: median(rates), low, high };
}
