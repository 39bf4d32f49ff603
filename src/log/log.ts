/**
 * Durable ordered entries: append, read from a position, keep in segments, drop what is covered.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Clock, systemClock } from "../core/clock.ts";
import { type Disk } from "../core/disk.ts";
import { assert, type KurobeError } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import { type Entry, type EntryHeader } from "./entry.ts";
import { accessError, damageError } from "./log-failures.ts";
import { DEFAULT_LOG_SETTINGS, type LogSettings } from "./log-settings.ts";
import { LogWriter } from "./log-writer.ts";
import { findBrokenLink, listSegments, prepareSegment, publishSegment } from "./segment-files.ts";
import { type Segment, type SegmentListing } from "./segment-files.ts";
import { MAX_BODY_BYTES } from "./segment-format.ts";
import { type Appended, type CutTail, type LogStats, SegmentedLog } from "./segmented-log.ts";
import { type VerifiedSegment } from "./verify-open.ts";
import { emptyScan, openTail, type Tail } from "./tail.ts";

export type { Appended, CutTail, LogStats } from "./segmented-log.ts";

export interface Log extends AsyncDisposable {
  /** 32 hexadecimal digits, made when the log was. */
  readonly logId: string;
  /** The oldest entry still kept; `nextPosition` where there is none. */
  readonly firstPosition: number;
  /** What the next append will get. */
  readonly nextPosition: number;
  /** The position after the last durable entry. */
  readonly durableEnd: number;
  readonly cutTail: CutTail | undefined;
  /**
   * The parts of `body` are written as they are, not copied: they must not change until `durable`
   * settles. Throws KRB_LOG_TOO_LARGE, KRB_LOG_FULL_QUEUE, KRB_LOG_STOPPED, KRB_CORE_CLOSED.
   */
  append(header: EntryHeader, body: readonly Uint8Array[]): Appended;
  /**
   * The entries that are durable when the reading begins, every byte checked. Throws
   * KRB_LOG_REMOVED below `firstPosition` and KRB_LOG_DAMAGED. Bodies may share memory: do not
   * write into them.
   */
  read(fromPosition: number): AsyncIterable<Entry>;
  /** Removes the segments all of whose entries are below `position`, never the newest. */
  retainFrom(position: number): Promise<void>;
  /** Finishes the segment after everything appended so far, so that a backup can take it. */
  roll(): Promise<void>;
  /** Does that where the segment is old and has entries: nothing else would while none come. */
  rollIfOld(): Promise<void>;
  /** What its disk has left. */
  freeBytes(): Promise<number>;
  stats(): LogStats;
  /** Checks every byte up to the durable end, while entries keep coming. */
  verify(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<VerifiedSegment>;
}

export interface LogOptions {
  readonly disk: Disk;
  readonly settings?: LogSettings;
  readonly clock?: Clock;
  /** What the newest checkpoint knows of this log: a log without it is missing or another one. */
  readonly required?: { readonly logId: string; readonly nextPosition: number };
  /**
   * The first position of a log that does not exist yet: after a restore without one. Default 1.
   */
  readonly startPosition?: number;
  /** 32 hexadecimal digits, for a log that does not exist yet. */
  readonly newLogId?: () => string;
}

/**
 * Opens the log in `directory` (the `log/` of a data directory), or makes one. A tail that the last
 * stop tore is cut and reported as `cutTail`; everything else that is wrong is KRB_LOG_DAMAGED.
 * Only the newest segment is read in full: `read` checks the others.
 */
export async function openLog(directory: string, options: LogOptions): Promise<Log> {
  try {
    return await openSound(directory, options);
  } catch (error) {
    throw accessError(directory, error);
  }
}

async function openSound(directory: string, options: LogOptions): Promise<Log> {
  const { disk, required, clock = systemClock, settings = DEFAULT_LOG_SETTINGS } = options;
  assert(settings.maxBodyBytes <= MAX_BODY_BYTES, "An entry's body has at most 1 GiB");
  await disk.makeDirectory(directory);
  const listing = await listSegments(directory, disk);
  const segments = soundSegments(directory, listing, required?.logId);
  for (const path of listing.unfinished) await disk.remove(path);
  // The last process may have ended between giving a segment its name and making that durable.
  await disk.syncDirectory(directory);
  await using opening = new Lifetime();
  const newest = segments.at(-1);
  let tail: Tail;
  if (newest === undefined) {
    if (required !== undefined) throw missingLog(directory, required.nextPosition);
    tail = await createLog(directory, options, clock);
  } else {
    tail = await openTail(newest, required?.nextPosition ?? 0, disk);
  }
  const { segment } = tail;
  opening.own(tail.file);
  const finished = segments.slice(0, -1);
  const writer = new LogWriter({ directory, disk, clock, settings, finished, open: segment, tail });
  opening.move();
  return new SegmentedLog({ directory, disk, settings, writer, tail });
}

function soundSegments(
  directory: string,
  listing: SegmentListing,
  logId: string | undefined,
): readonly Segment[] {
  const [stranger] = listing.strangers;
  if (stranger !== undefined) {
    throw damageError({
      path: stranger,
      offset: 0,
      position: 0,
      reason: "no segment has such a name",
    });
  }
  if (listing.repaired.length > 0) {
    const reason = "a repair was interrupted: run it again";
    throw damageError({ path: directory, offset: 0, position: 0, reason });
  }
  const segments: Segment[] = [];
  for (const file of listing.files) {
    if (file.kind === "bad") throw damageError(file.damage);
    const { segment } = file;
    const previous = segments.at(-1);
    const broken = previous === undefined ? undefined : findBrokenLink(previous, segment);
    if (broken !== undefined) throw damageError(broken);
    if (logId !== undefined && segment.header.logId !== logId) {
      const reason = `it belongs to log ${segment.header.logId}, the checkpoint to ${logId}`;
      throw damageError({ path: segment.path, offset: 0, position: file.position, reason });
    }
    segments.push(segment);
  }
  return segments;
}

function missingLog(directory: string, nextPosition: number): KurobeError {
  const reason = `there is no log, but a checkpoint stands for entry ${nextPosition - 1}`;
  return damageError({ path: directory, offset: 0, position: nextPosition, reason });
}

async function createLog(directory: string, options: LogOptions, clock: Clock): Promise<Tail> {
  const { disk, startPosition = 1, newLogId = () => randomUUID().replaceAll("-", "") } = options;
  const logId = newLogId();
  assert(/^[0-9a-f]{32}$/.test(logId), `A log id is 32 hexadecimal digits, not ${logId}`);
  const previous = { firstPosition: 0, endOffset: 0, chain: 0 };
  const header = { logId, firstPosition: startPosition, createdAtUs: clock.nowUs(), previous };
  await using opening = new Lifetime();
  const { segment, file } = await prepareSegment(directory, header, disk);
  opening.own(file);
  await publishSegment(segment.path, disk);
  opening.move();
  return { segment, file, cutBytes: 0, scan: emptyScan(segment) };
}

/** The log's place in a data directory. */
export function logDirectory(dataDirectory: string): string {
  return join(dataDirectory, "log");
}
