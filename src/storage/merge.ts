/** Which small chunks become one, so that the number of files stays bounded and each byte is rewritten seldom. */
import { type ChunkRecord } from "./manifest.ts";

export interface MergePolicy {
  /** So many chunks of one size class make a merge. */
  readonly fanIn: number;
  /** Chunks of this size or more are left alone. */
  readonly maxBytes: number;
}

export const DEFAULT_MERGE_POLICY: MergePolicy = { fanIn: 8, maxBytes: 256 * 1024 * 1024 };

/** Chunks below this are all of one class: rewriting them costs next to nothing. */
const SMALLEST_CLASS_BYTES = 256 * 1024;
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
 * Size-tiered: chunks of one day (or, for those that span days, of the table) and of one power-of-eight
 * size class merge when there are `fanIn` of them. A byte so moves through at most
 * log8(maxBytes / 256 KiB) merges, and a day keeps less than `fanIn` chunks a class.
 */
export function planMerges(chunks: readonly ChunkRecord[], policy: MergePolicy): readonly Merge[] {
  const groups = new Map<string, ChunkRecord[]>();
  for (const chunk of chunks) {
    if (chunk.bytes >= policy.maxBytes) continue;
    const name = `${neighbourhood(chunk)} ${sizeClass(chunk.bytes, policy.fanIn)}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [chunk]);
    else group.push(chunk);
  }
  return [...groups.values()]
    .filter((group) => group.length >= policy.fanIn)
    .map((group) => {
      const whole = new Set(wholeDays(group, chunks));
      const isWhole = group.every((chunk) => {
        for (let day = firstDay(chunk); day <= lastDay(chunk); day++)
          if (!whole.has(day)) return false;
        return true;
      });
      return { chunks: group, wholeDays: [...whole], isWhole };
    });
}

function neighbourhood(chunk: ChunkRecord): string {
  return firstDay(chunk) === lastDay(chunk) ? String(firstDay(chunk)) : "several days";
}

function sizeClass(bytes: number, fanIn: number): number {
  return bytes <= SMALLEST_CLASS_BYTES
    ? 0
    : Math.ceil(Math.log(bytes / SMALLEST_CLASS_BYTES) / Math.log(fanIn));
}

function wholeDays(group: readonly ChunkRecord[], all: readonly ChunkRecord[]): readonly number[] {
  const others = all.filter((chunk) => !group.includes(chunk));
  const span = group.reduce((sum, chunk) => sum + lastDay(chunk) - firstDay(chunk) + 1, 0);
  // Not worth counting: such a merge keeps its marks and tombstones.
  if (span > MAX_DAYS_COUNTED) return [];
  const days = new Set<number>();
  for (const chunk of group) {
    for (let day = firstDay(chunk); day <= lastDay(chunk); day++) days.add(day);
  }
  return [...days].filter(
    (day) => !others.some((chunk) => firstDay(chunk) <= day && day <= lastDay(chunk)),
  );
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
