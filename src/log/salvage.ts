/**
 * Copies the readable entries from a position on into a new segment, past the damage before them.
 */
import { type Clock } from "../core/clock.ts";
import { type Disk, type DiskFile } from "../core/disk.ts";
import { type Frame, FrameReader, type FrameStart, searchFrames } from "./frame-reader.ts";
import { type EncodableEntry, encodeGroup, markEntry } from "./group-encoder.ts";
import { prepareSegment, type Segment, segmentPath, unfinishedPath } from "./segment-files.ts";
import { segmentStart } from "./tail.ts";
import { type Survey } from "./verify.ts";

export interface SalvageOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Entries of other logs are left where they are. */
  readonly logId: string;
}

/**
 * Writes `<firstPosition>.log.repaired`, whole and durable: the unbroken run of entries that begins
 * there, which may be empty. The log itself is as it was. Answers the path.
 */
export async function salvage(
  directory: string,
  survey: Survey,
  firstPosition: number,
  { disk, clock, logId }: SalvageOptions,
): Promise<string> {
  const previous = { firstPosition: 0, endOffset: 0, chain: 0 };
  const header = { logId, firstPosition, createdAtUs: clock.nowUs(), previous };
  const { segment, file } = await prepareSegment(directory, header, disk);
  await using target = file;
  let end = segmentStart(segment);
  const write = async (entry: EncodableEntry): Promise<void> => {
    const group = encodeGroup([entry], { ...end, seed: segment.seed });
    await target.write(group.buffers, end.offset);
    const position = entry.position + (entry.kind === "mark" ? 0 : 1);
    end = { offset: group.endOffset, chain: group.chain, position };
  };
  for (const { content } of survey.files) {
    if (content?.segment.header.logId !== logId) continue;
    for await (const frame of readableFrames(content.segment, disk)) {
      // A later one means a hole; an earlier one is not needed, or stands in two files.
      const { kind, position } = frame.header;
      if (kind !== "mark" && position === end.position) await write(copyOf(frame));
    }
  }
  await write(markEntry(end.position));
  await target.sync();
  const path = segmentPath(directory, firstPosition);
  await disk.rename(unfinishedPath(path), `${path}.repaired`);
  await disk.syncDirectory(directory);
  return `${path}.repaired`;
}

/** Every whole frame of a segment, whatever lies between them. */
async function* readableFrames(segment: Segment, disk: Disk): AsyncGenerator<Frame> {
  await using file = await disk.open(segment.path, "read");
  const { seed, sizeBytes } = segment;
  let start: FrameStart | undefined = segmentStart(segment);
  while (start !== undefined) {
    const reader: FrameReader = new FrameReader(file, seed, start, sizeBytes);
    let step = await reader.next();
    for (; step.kind === "frame"; step = await reader.next()) yield step.frame;
    start = step.kind === "end" ? undefined : await startBehind(file, segment, step.offset);
  }
}

async function startBehind(
  file: DiskFile,
  { seed, sizeBytes }: Segment,
  badAt: number,
): Promise<FrameStart | undefined> {
  for await (const { offset, position } of searchFrames(file, seed, badAt + 1, sizeBytes)) {
    return { offset, position, chain: undefined };
  }
  return undefined;
}

function copyOf({ header, fields, body }: Frame): EncodableEntry {
  const { kind, position, receivedAtUs, fieldsChecksum, bodyBytes, bodyChecksum } = header;
  const checks = { fieldsChecksum, bodyBytes, bodyChecksum };
  return { kind, position, receivedAtUs, fields, body: [body], ...checks };
}
