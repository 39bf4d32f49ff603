/** Reads every byte of a log and lists what is wrong with it, without changing anything. */
import { type Disk } from "../core/disk.ts";
import { searchFrames } from "./frame-reader.ts";
import { accessError, type Damage } from "./log-failures.ts";
import {
  findBrokenLink,
  listSegments,
  type Segment,
  type SegmentListing,
} from "./segment-files.ts";
import { isTornTail, type Scan, scanSegment } from "./tail.ts";

/** One file, from start to end. */
export interface SurveyedFile {
  readonly path: string;
  /** Of its first entry; by its name where the header is unreadable. */
  readonly firstPosition: number;
  /** Nothing where the header is unreadable. */
  readonly content: { readonly segment: Segment; readonly scan: Scan } | undefined;
  /** Why it cannot follow the file before it, though it may be sound itself. */
  readonly gap: Damage | undefined;
  /** The first damage inside. */
  readonly damage: Damage | undefined;
  /** Bytes that the last stop left half-written: the next opening cuts them. */
  readonly tornBytes: number;
  /** The highest position that any header in it names, readable or not. */
  readonly lastPosition: number;
}

export interface Survey {
  readonly listing: SegmentListing;
  readonly files: readonly SurveyedFile[];
}

export interface LogVerification {
  readonly segments: number;
  readonly entries: number;
  readonly sizeBytes: number;
  /** Empty for a sound log. */
  readonly damages: readonly Damage[];
  /** Not damage: what an interrupted write left at the end. */
  readonly tornBytes: number;
}

/**
 * Checks every frame, link and header of the log in `directory`. While another process appends to
 * it, what that one is writing may show as `tornBytes`.
 */
export async function verifyLog(
  directory: string,
  { disk }: { readonly disk: Disk },
): Promise<LogVerification> {
  try {
    const { listing, files } = await surveyLog(directory, disk);
    const sum = (of: (file: SurveyedFile) => number): number =>
      files.reduce((total, file) => total + of(file), 0);
    return {
      segments: files.length,
      entries: sum((file) => file.content?.scan.entries ?? 0),
      sizeBytes: sum((file) => file.content?.segment.sizeBytes ?? 0),
      damages: [...strayDamages(directory, listing), ...fileDamages(files)],
      tornBytes: sum((file) => file.tornBytes),
    };
  } catch (error) {
    throw accessError(directory, error);
  }
}

export function fileDamages(files: readonly SurveyedFile[]): readonly Damage[] {
  return files.flatMap(({ gap, damage }) => [gap, damage].filter((one) => one !== undefined));
}

/** Files that stop the log from opening without being segments of it. */
export function strayDamages(directory: string, listing: SegmentListing): readonly Damage[] {
  const at = { offset: 0, position: 0 };
  const strangers = listing.strangers.map((path) => ({
    ...at,
    path,
    reason: "no segment has such a name",
  }));
  if (listing.repaired.length === 0) return strangers;
  const reason = "a repair was interrupted: run it again";
  return [...strangers, { ...at, path: directory, reason }];
}

export async function surveyLog(directory: string, disk: Disk): Promise<Survey> {
  const listing = await listSegments(directory, disk);
  const files: SurveyedFile[] = [];
  for (const [index, file] of listing.files.entries()) {
    const isNewest = index === listing.files.length - 1;
    const previous = files.at(-1);
    if (file.kind === "bad") {
      const { position: firstPosition, damage } = file;
      const unknown = { content: undefined, gap: undefined, tornBytes: 0 };
      const lastPosition = firstPosition;
      files.push({ path: damage.path, firstPosition, damage, lastPosition, ...unknown });
    } else {
      files.push(await surveySegment(file.segment, previous, isNewest, disk));
    }
  }
  return { listing, files };
}

async function surveySegment(
  segment: Segment,
  previous: SurveyedFile | undefined,
  isNewest: boolean,
  disk: Disk,
): Promise<SurveyedFile> {
  const { path } = segment;
  await using file = await disk.open(path, "read");
  const scan = await scanSegment(file, segment);
  const { offset, position } = scan.end;
  const isTorn = isNewest && scan.bad !== undefined && (await isTornTail(file, segment, offset));
  let lastPosition = position - 1;
  if (scan.bad !== undefined) {
    for await (const header of searchFrames(file, segment.seed, offset, segment.sizeBytes)) {
      lastPosition = Math.max(lastPosition, header.position - (header.kind === "mark" ? 1 : 0));
    }
  }
  return {
    path,
    firstPosition: segment.header.firstPosition,
    content: { segment, scan },
    gap: previous === undefined ? undefined : gapBetween(previous, segment),
    damage:
      scan.bad === undefined || isTorn
        ? undefined
        : { path, offset, position, reason: scan.bad.reason },
    tornBytes: isTorn ? segment.sizeBytes - offset : 0,
    lastPosition,
  };
}

/** Nothing where the file before is damaged itself: that is reported once, as its own damage. */
function gapBetween(previous: SurveyedFile, segment: Segment): Damage | undefined {
  const { content, damage } = previous;
  if (content === undefined || damage !== undefined) return undefined;
  const broken = findBrokenLink(content.segment, segment);
  if (broken !== undefined) return broken;
  const { end } = content.scan;
  const { header, path } = segment;
  if (end.position === header.firstPosition && end.chain === header.previous.chain)
    return undefined;
  const reason = "it does not follow the last frame of the segment before it (hash chain)";
  return { path, offset: 0, position: header.firstPosition, reason };
}
