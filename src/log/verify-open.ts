/** Checks the segments of a log that is being written: every byte up to its durable end. */
import { type Disk, diskErrorCode } from "../core/disk.ts";
import { inspectSegment, type Segment } from "./segment-files.ts";
import { scanSegment } from "./tail.ts";

export interface VerifiedSegment {
  readonly path: string;
  /** Of its durable part. */
  readonly bytes: number;
  readonly entries: number;
  /** In words, with the place; null for a sound one. */
  readonly problem: string | null;
}

export interface OpenSegments {
  /** As the writer knows them; the last one is being written. */
  readonly segments: readonly Segment[];
  /** Whether a checkpoint has not dropped it meanwhile. */
  readonly isKept: (segment: Segment) => boolean;
  readonly disk: Disk;
  readonly signal?: AbortSignal | undefined;
}

/** One result a segment, in order; those that a checkpoint drops meanwhile are left out. */
export async function* verifySegments(options: OpenSegments): AsyncGenerator<VerifiedSegment> {
  const { segments, isKept, disk, signal } = options;
  for (const [index, segment] of segments.entries()) {
    signal?.throwIfAborted();
    const { path, sizeBytes } = segment;
    try {
      const { entries, problem } = await checkSegment(segment, segments[index + 1], disk);
      yield { path, bytes: sizeBytes, entries, problem };
    } catch (error) {
      const systemCode = diskErrorCode(error);
      if (systemCode === "") throw error;
      if (systemCode === "ENOENT" && !isKept(segment)) continue;
      yield { path, bytes: sizeBytes, entries: 0, problem: `it cannot be read (${systemCode})` };
    }
  }
}

async function checkSegment(
  segment: Segment,
  next: Segment | undefined,
  disk: Disk,
): Promise<{ readonly entries: number; readonly problem: string | null }> {
  const { path, header, seed } = segment;
  const found = await inspectSegment(path, header.firstPosition, disk);
  if (found.kind === "bad") return { entries: 0, problem: found.damage.reason };
  if (found.segment.seed !== seed) {
    return { entries: 0, problem: "its header is not the one that was written" };
  }
  await using file = await disk.open(path, "read");
  const { bad, end, entries } = await scanSegment(file, segment);
  if (bad !== undefined) {
    const problem = `damaged at byte ${bad.offset} (entry ${end.position}): ${bad.reason}`;
    return { entries, problem };
  }
  if (next !== undefined && next.header.previous.chain !== end.chain) {
    return { entries, problem: "its last frame is not the one that the next segment follows" };
  }
  return { entries, problem: null };
}
