/**
 * Where a latency lies in the histogram: 128 buckets for each doubling, so that a bucket is never
 * wider than 1/128 of what it holds. Values are whole ticks of 0.1 microseconds.
 */

export const TICKS_PER_MS = 10_000;
const SUB_BITS = 7;
const SUB_BUCKETS = 1 << SUB_BITS;
const LINEAR_TICKS = SUB_BUCKETS * 2;

/** 214 seconds. What is longer lies in the last bucket; the exact maximum is kept beside it. */
export const MAX_TICKS = 2_147_483_647;
export const BUCKET_COUNT = bucketOf(MAX_TICKS) + 1;

/** `ticks` is an integer from 0 to `MAX_TICKS`. */
export function bucketOf(ticks: number): number {
  if (ticks < LINEAR_TICKS) return ticks;
  const shift = 31 - Math.clz32(ticks) - SUB_BITS;
  return shift * SUB_BUCKETS + (ticks >>> shift);
}

/** The lowest value of a bucket, in ticks. */
export function lowestOf(bucket: number): number {
  if (bucket < LINEAR_TICKS) return bucket;
  const shift = (bucket >> SUB_BITS) - 1;
  return (bucket - shift * SUB_BUCKETS) * 2 ** shift;
}

/** What stands for all values of a bucket: its middle, in ticks. */
export function middleOf(bucket: number): number {
  return (lowestOf(bucket) + lowestOf(bucket + 1) - 1) / 2;
}
