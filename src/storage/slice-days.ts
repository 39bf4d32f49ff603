/** Which event days share a file: each its own, unless that would make many tiny files. */

export interface DayRows {
  /** Since the epoch. */
  readonly day: number;
  readonly rows: number;
}

/** One file to be: all rows of these days, which no other slice has. */
export interface DaySlice {
  /** `2026-05-01`, `2026-05`, `2026` or `all`. */
  readonly partition: string;
  readonly fromDay: number;
  /** Inclusive. */
  readonly toDay: number;
  readonly rows: number;
}

/** Lengths of the label of a year, a month and a day; the first is everything. */
const LABEL_LENGTHS = [0, 4, 7, 10] as const;
const DAY_LEVEL = LABEL_LENGTHS.length - 1;
const DAY_MS = 86_400_000;

/** Below this, a file costs more to open and to sync than to read. */
const ROWS_A_FILE = 4096;
const MAX_FILES = 256;
/** Rows of a few days are few files however few rows they are. */
const MIN_FILES = 8;

interface Bucket {
  readonly level: number;
  readonly days: readonly DayRows[];
  readonly rows: number;
}

/** How many files so many rows may make. */
export function fileLimit(rows: number): number {
  return Math.min(Math.max(Math.floor(rows / ROWS_A_FILE), MIN_FILES), MAX_FILES);
}

/**
 * Starts with everything in one file and splits the one with the most rows, into years, months and
 * at last days, while there are no more than `limit`. Buckets of the calendar are apart or inside
 * each other, so files of different checkpoints meet in the same partitions and can be merged
 * there.
 */
export function sliceDays(
  days: readonly DayRows[],
  limit = fileLimit(rowsOf(days)),
): readonly DaySlice[] {
  if (days.length === 0) return [];
  const done: Bucket[] = [];
  const open: Bucket[] = [{ level: 0, days, rows: rowsOf(days) }];
  for (let largest = takeLargest(open); largest !== undefined; largest = takeLargest(open)) {
    const parts = split(largest);
    if (done.length + open.length + parts.length > limit && parts.length > 1) done.push(largest);
    else for (const part of parts) (part.level === DAY_LEVEL ? done : open).push(part);
  }
  return done.map(sliceOf).sort((a, b) => a.fromDay - b.fromDay);
}

function takeLargest(buckets: Bucket[]): Bucket | undefined {
  let best = 0;
  buckets.forEach((bucket, index) => {
    if (bucket.rows > (buckets[best]?.rows ?? 0)) best = index;
  });
  return buckets.splice(best, 1)[0];
}

function split(bucket: Bucket): readonly Bucket[] {
  const level = bucket.level + 1;
  const parts = new Map<string, DayRows[]>();
  for (const day of bucket.days) {
    const name = labelOf(day.day, level);
    const part = parts.get(name);
    if (part === undefined) parts.set(name, [day]);
    else part.push(day);
  }
  return [...parts.values()].map((days) => ({ level, days, rows: rowsOf(days) }));
}

function sliceOf({ level, days, rows }: Bucket): DaySlice {
  const numbers = days.map((one) => one.day);
  const fromDay = numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const toDay = numbers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return { partition: labelOf(fromDay, level) || "all", fromDay, toDay, rows };
}

function labelOf(day: number, level: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, LABEL_LENGTHS[level]);
}

function rowsOf(days: readonly DayRows[]): number {
  return days.reduce((sum, one) => sum + one.rows, 0);
}
