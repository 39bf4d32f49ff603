/** Which small chunks become one, so that files stay few and each byte is rewritten seldom. */
import { type ChunkRecord } from "./manifest-format.ts";

export interface MergePolicy {
  /** So many chunks of one size class make a merge; 2 or more. */
  readonly fanIn: number;
  /** Chunks of this size or more are left alone. */
  readonly maxBytes: number;
}

export const DEFAULT_MERGE_POLICY: MergePolicy = { fanIn: 8, maxBytes: 256 * 1024 * 1024 };

/** Chunks up to this are all of one class: rewriting them costs next to nothing. */
export const SMALLEST_CLASS_BYTES = 256 * 1024;
const MAX_DAYS_COUNTED = 10_000;
const DAY_US = 86_400_000_000n;

export interface Merge {
  readonly chunks: readonly ChunkRecord[];
  /** Days (since the epoch) of which these are all the chunks. */
  readonly wholeDays: readonly number[];
  /** True when every day that the chunks touch is whole. */
  readonly isWhole: boolean;
}

/**
 * Size-tiered, for the chunks of one table: those of one partition and one size class (powers of
 * `fanIn`) merge when there are `fanIn` of them. So a partition keeps less than `fanIn` chunks a
 * class, and a byte that stays goes through one merge a class above the smallest. The merge of a
 * month, a year or `all` that has got large falls into smaller partitions: down at most three
 * times.
 */
export function planMerges(chunks: readonly ChunkRecord[], policy: MergePolicy): readonly Merge[] {
  const groups = new Map<string, ChunkRecord[]>();
  for (const chunk of chunks) {
    if (chunk.bytes >= policy.maxBytes) continue;
    const name = `${chunk.partition} ${sizeClass(chunk.bytes, policy.fanIn)}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [chunk]);
    else group.push(chunk);
  }
  return [...groups.values()]
    .filter((group) => group.length >= policy.fanIn)
    .map((group) => mergeOf(group, chunks));
}

/** 0 up to the smallest class, then one more with every power of `fanIn`. */
export function sizeClass(bytes: number, fanIn: number): number {
  let limit = SMALLEST_CLASS_BYTES;
  for (let found = 0; ; found++, limit *= fanIn) if (bytes <= limit) return found;
}

function mergeOf(group: readonly ChunkRecord[], all: readonly ChunkRecord[]): Merge {
  const days = group.reduce((sum, chunk) => sum + lastDay(chunk) - firstDay(chunk) + 1, 0);
  // Not worth counting: such a merge keeps its marks and tombstones.
  if (days > MAX_DAYS_COUNTED) return { chunks: group, wholeDays: [], isWhole: false };
  const touched = new Set<number>();
  for (const chunk of group) {
    for (let day = firstDay(chunk); day <= lastDay(chunk); day++) touched.add(day);
  }
  const whole = new Set(touched);
  const members = new Set(group);
  const first = Math.min(...group.map(firstDay));
  const last = Math.max(...group.map(lastDay));
  for (const chunk of all) {
    if (members.has(chunk)) continue;
    const until = Math.min(lastDay(chunk), last);
    for (let day = Math.max(firstDay(chunk), first); day <= until; day++) whole.delete(day);
  }
  return { chunks: group, wholeDays: [...whole], isWhole: whole.size === touched.size };
}

function firstDay(chunk: ChunkRecord): number {
  return dayOf(BigInt(chunk.minEventTimeUs));
}

function lastDay(chunk: ChunkRecord): number {
  return dayOf(BigInt(chunk.maxEventTimeUs));
}

function dayOf(timeUs: bigint): number {
  const day = timeUs / DAY_US;
  return Number(timeUs % DAY_US < 0n ? day - 1n : day);
}
