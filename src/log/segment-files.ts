/** The segment files of a log directory: names, headers, how each follows from the one before. */
import { dirname, join } from "node:path";
import { type Disk, type DiskFile } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { type Damage } from "./log-failures.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./segment-format.ts";

const NAME = /^(\d{20})\.log$/;
/** A segment on its way in: not a segment before it has its name. */
const UNFINISHED = /^\d{20}\.log\.new$/;
/** A segment that a repair wrote and has not put in its place yet. */
const REPAIRED = /^\d{20}\.log\.repaired$/;

export interface Segment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** The checksum of the header, from which those of its frames start. */
  readonly seed: number;
  /** The size of the file when it was looked at. */
  readonly sizeBytes: number;
}

/** A file with a segment's name, sound or not. */
export type SegmentFile =
  | { readonly kind: "segment"; readonly position: number; readonly segment: Segment }
  | { readonly kind: "bad"; readonly position: number; readonly damage: Damage };

export interface SegmentListing {
  /** By position. */
  readonly files: readonly SegmentFile[];
  readonly unfinished: readonly string[];
  readonly repaired: readonly string[];
  /** Files that end as segments do but are named like none. */
  readonly strangers: readonly string[];
}

export function segmentPath(directory: string, position: number): string {
  return join(directory, `${String(position).padStart(20, "0")}.log`);
}

/** Reads the header of every segment, and nothing else. */
export async function listSegments(directory: string, disk: Disk): Promise<SegmentListing> {
  const names = await disk.list(directory);
  const files: SegmentFile[] = [];
  for (const name of names) {
    const digits = NAME.exec(name)?.[1];
    if (digits === undefined) continue;
    files.push(await inspectSegment(join(directory, name), Number(digits), disk));
  }
  const paths = (pattern: RegExp): string[] =>
    names.filter((name) => pattern.test(name)).map((name) => join(directory, name));
  return {
    files,
    unfinished: paths(UNFINISHED),
    repaired: paths(REPAIRED),
    strangers: paths(/\.log$/).filter((path) => !NAME.test(path.slice(-24))),
  };
}

/** Reads the header of the file at `path`, whose name says `position`. */
export async function inspectSegment(
  path: string,
  position: number,
  disk: Disk,
): Promise<SegmentFile> {
  await using file = await disk.open(path, "read");
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const read = await file.read(bytes, 0);
  const decoded = decodeSegmentHeader(bytes.subarray(0, read));
  if (decoded.kind === "newer") {
    throw new KurobeError(
      "KRB_LOG_UNSUPPORTED",
      `${path} is of log format ${decoded.version}, which this version cannot read`,
      { details: { path, version: decoded.version } },
    );
  }
  const bad = (reason: string): SegmentFile => ({
    kind: "bad",
    position,
    damage: { path, offset: 0, position, reason },
  });
  if (decoded.kind === "bad") return bad(decoded.reason);
  const header = decoded.value;
  if (header.firstPosition !== position) {
    return bad(`its name says position ${position}, its header ${header.firstPosition}`);
  }
  const sizeBytes = await file.sizeBytes();
  return {
    kind: "segment",
    position,
    segment: { path, header, seed: decoded.checksum, sizeBytes },
  };
}

/** Why `next` cannot be what was written after `previous`; nothing where it can. */
export function findBrokenLink(previous: Segment, next: Segment): Damage | undefined {
  const { header } = next;
  const at = { path: next.path, offset: 0, position: header.firstPosition };
  if (header.logId !== previous.header.logId) {
    return { ...at, reason: "it belongs to another log" };
  }
  if (header.previous.firstPosition !== previous.header.firstPosition) {
    const expected = header.previous.firstPosition;
    const position = previous.header.firstPosition;
    const reason =
      `the segment before it should begin at position ${expected}, ` +
      `but the one there begins at ${position}: a file is missing or does not belong`;
    return { ...at, reason };
  }
  if (previous.sizeBytes !== header.previous.endOffset) {
    return {
      path: previous.path,
      offset: Math.min(previous.sizeBytes, header.previous.endOffset),
      position: previous.header.firstPosition,
      reason:
        `the file has ${previous.sizeBytes} bytes, ` +
        `but had ${header.previous.endOffset} when it was finished`,
    };
  }
  return undefined;
}

export interface OpenSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
}

/**
 * Writes a new empty segment beside its place. It is synced before it gets its name, so a segment
 * that can be seen always has its header. On failure nothing has happened to the log.
 */
export async function prepareSegment(
  directory: string,
  header: SegmentHeader,
  disk: Disk,
): Promise<OpenSegment> {
  const path = segmentPath(directory, header.firstPosition);
  const { bytes, checksum } = encodeSegmentHeader(header);
  const file = await disk.open(unfinishedPath(path), "create");
  try {
    await file.write([bytes], 0);
    await file.sync();
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
  return { segment: { path, header, seed: checksum, sizeBytes: bytes.length }, file };
}

/** Gives it its name, durably. After a failure only a new look at the directory can tell. */
export async function publishSegment(path: string, disk: Disk): Promise<void> {
  await disk.rename(unfinishedPath(path), path);
  await disk.syncDirectory(dirname(path));
}

export function unfinishedPath(path: string): string {
  return `${path}.new`;
}
