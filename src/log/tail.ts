/** Finds the end of the newest segment after a stop of any kind: the last whole frame. */
import { type Disk, type DiskFile } from "../core/disk.ts";
import { Lifetime } from "../core/lifetime.ts";
import { FrameReader, type FrameStart, type FrameStep, searchFrames } from "./frame-reader.ts";
import { type Damage, damageError } from "./log-failures.ts";
import { type Segment } from "./segment-files.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-format.ts";

const COPY_BYTES = 1_048_576;

export interface Scan {
  /** Behind the last good frame. */
  readonly end: FrameStart & { readonly chain: number };
  readonly entries: number;
  /** Whether the last good frame is a mark: the segment was closed in order there. */
  readonly isMarked: boolean;
  /** The start of the last group: only what lies below is known to have been synced. */
  readonly durableOffset: number;
  readonly bad: Extract<FrameStep, { readonly kind: "bad" }> | undefined;
}

/** Checks every byte of a segment up to its first bad frame. */
export async function scanSegment(file: DiskFile, segment: Segment): Promise<Scan> {
  const start = segmentStart(segment);
  const reader = new FrameReader(file, segment.seed, start, segment.sizeBytes);
  let entries = 0;
  let isMarked = false;
  let durableOffset = start.offset;
  for (;;) {
    const step = await reader.next();
    if (step.kind === "frame") {
      isMarked = step.frame.header.kind === "mark";
      durableOffset = step.frame.header.durableOffset;
      entries += isMarked ? 0 : 1;
      continue;
    }
    const { at } = reader;
    const end = { ...at, chain: at.chain ?? segment.seed };
    const bad = step.kind === "bad" ? step : undefined;
    return { end, entries, isMarked, durableOffset, bad };
  }
}

/** Of a segment that was just made. */
export function emptyScan(segment: Segment): Scan {
  const end = segmentStart(segment);
  return { end, entries: 0, isMarked: false, durableOffset: end.offset, bad: undefined };
}

export function segmentStart(segment: Segment): FrameStart & { readonly chain: number } {
  const { firstPosition } = segment.header;
  return { offset: SEGMENT_HEADER_BYTES, position: firstPosition, chain: segment.seed };
}

/**
 * What came after a bad frame decides what it is. Frames are written a group at a time, and each
 * says up to where the file was durable before its group. If a later frame says that the bad one
 * was durable, then it was acknowledged and has been damaged since. If none does, all that is left
 * belongs to the group whose write the stop interrupted: nobody was told that it is stored.
 */
export async function isTornTail(
  file: DiskFile,
  segment: Segment,
  badAt: number,
): Promise<boolean> {
  for await (const header of searchFrames(file, segment.seed, badAt + 1, segment.sizeBytes)) {
    if (header.durableOffset > badAt) return false;
  }
  return true;
}

export interface Tail {
  readonly segment: Segment;
  readonly file: DiskFile;
  readonly scan: Scan;
  /** Bytes that the last stop left half-written, now gone; 0 after an orderly one. */
  readonly cutBytes: number;
}

/**
 * Opens the newest segment for appending: cuts a torn tail, and makes what is left durable, for a
 * killed process may have left whole frames that were never synced. It throws KRB_LOG_DAMAGED, and
 * changes nothing, where the log is damaged or ends before `requiredPosition`.
 */
export async function openTail(
  segment: Segment,
  requiredPosition: number,
  disk: Disk,
): Promise<Tail> {
  await using opening = new Lifetime();
  const file = opening.own(await disk.open(segment.path, "write"));
  const scan = await scanSegment(file, segment);
  const { offset, position } = scan.end;
  const damage = (reason: string): Damage => ({ path: segment.path, offset, position, reason });
  if (scan.bad !== undefined && !(await isTornTail(file, segment, offset))) {
    throw damageError(damage(scan.bad.reason));
  }
  if (position < requiredPosition) {
    const reason = `the log ends here, but a checkpoint stands for entry ${requiredPosition - 1}`;
    throw damageError(damage(reason));
  }
  const cutBytes = segment.sizeBytes - offset;
  if (cutBytes > 0) await file.truncate(offset);
  await rewrite(file, scan.durableOffset, offset);
  await file.sync();
  opening.move();
  return { segment, file, scan, cutBytes };
}

/**
 * Writes bytes over themselves. Where the last process stopped because a sync failed, the system
 * shows its last group from memory but believes that it has been written: a sync alone would
 * succeed and do nothing.
 */
async function rewrite(file: DiskFile, fromOffset: number, toOffset: number): Promise<void> {
  for (let at = fromOffset; at < toOffset; at += COPY_BYTES) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, toOffset - at));
    const done = await file.read(chunk, at);
    await file.write([chunk.subarray(0, done)], at);
  }
}
