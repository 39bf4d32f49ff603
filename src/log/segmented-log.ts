/** Puts entries into segments and takes them out again, checked; `log.ts` opens it. */
import { type Disk, diskErrorCode, type DiskFile } from "../core/disk.ts";
import { assert, KurobeError } from "../core/errors.ts";
import { checksum } from "./checksum.ts";
import { decodeFields, encodeFields } from "./entry-fields.ts";
import { type Entry, type EntryHeader } from "./entry.ts";
import { type Frame, FrameReader } from "./frame-reader.ts";
import { accessError, damageError, removedError } from "./log-failures.ts";
import { type LogSettings } from "./log-settings.ts";
import { type LogWriter, type WriterCounters } from "./log-writer.ts";
import { type Segment } from "./segment-files.ts";
import { MAX_FIELDS_BYTES } from "./segment-format.ts";
import { type VerifiedSegment, verifySegments } from "./verify-open.ts";
import { segmentStart, type Tail } from "./tail.ts";

export interface Appended {
  /** Fixed already; the next append has the next one, unless this one fails. */
  readonly position: number;
  /**
   * Resolves once the entry survives a power loss. It rejects with KRB_LOG_DISK_FULL or
   * KRB_LOG_WRITE when nothing of it was stored and its position is free again, with
   * KRB_LOG_STOPPED when only opening the log again can tell. Everything appended after a failed
   * entry and before its rejection fails as well, and is rejected right after it, in order.
   */
  readonly durable: Promise<void>;
}

export interface LogStats extends WriterCounters {
  readonly segments: number;
  readonly sizeBytes: number;
}

/** What the last stop left half-written at the end of the log; nobody was told it was stored. */
export interface CutTail {
  readonly path: string;
  readonly offset: number;
  readonly cutBytes: number;
}

export interface SegmentedLogParts {
  readonly directory: string;
  readonly disk: Disk;
  readonly settings: LogSettings;
  readonly writer: LogWriter;
  readonly tail: Tail;
}

/** One directory of segments, open for writing. */
export class SegmentedLog implements AsyncDisposable {
  readonly logId: string;
  readonly cutTail: CutTail | undefined;
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #settings: LogSettings;
  readonly #writer: LogWriter;
  /** Removals run one after another. */
  #retention: Promise<void> = Promise.resolve();

  constructor({ directory, disk, settings, writer, tail }: SegmentedLogParts) {
    const { segment, scan, cutBytes } = tail;
    this.logId = segment.header.logId;
    this.cutTail =
      cutBytes === 0 ? undefined : { path: segment.path, offset: scan.end.offset, cutBytes };
    this.#directory = directory;
    this.#disk = disk;
    this.#settings = settings;
    this.#writer = writer;
  }

  get firstPosition(): number {
    const [oldest] = this.#writer.segments;
    return oldest.header.firstPosition;
  }

  get nextPosition(): number {
    return this.#writer.nextPosition;
  }

  get durableEnd(): number {
    return this.#writer.durableEnd;
  }

  append(header: EntryHeader, body: readonly Uint8Array[]): Appended {
    const { receivedAtUs } = header;
    assert(BigInt.asIntN(64, receivedAtUs) === receivedAtUs, "receivedAtUs needs 64 bits");
    const fields = encodeFields(header);
    const bodyBytes = body.reduce((sum, part) => sum + part.length, 0);
    this.#assertFits(fields.length, bodyBytes);
    this.#writer.assertWritable(fields.length + bodyBytes);
    const position = this.#writer.nextPosition;
    const durable = this.#writer.append({
      kind: header.kind,
      position,
      receivedAtUs,
      fields,
      fieldsChecksum: checksum([fields]),
      body,
      bodyBytes,
      // Here and not in the writer's turn: so it runs while the disk is busy with the group before.
      bodyChecksum: checksum(body),
    });
    return { position, durable };
  }

  async *read(fromPosition: number): AsyncGenerator<Entry> {
    try {
      yield* this.#read(fromPosition);
    } catch (error) {
      throw accessError(this.#directory, error);
    }
  }

  async *#read(fromPosition: number): AsyncGenerator<Entry> {
    const segments = this.#writer.segments;
    if (fromPosition < this.firstPosition) throw removedError(this.#directory, fromPosition);
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1];
      if (next !== undefined && next.header.firstPosition <= fromPosition) continue;
      yield* this.#readSegment(segment, next, fromPosition);
    }
  }

  retainFrom(position: number): Promise<void> {
    const done = this.#retention
      .then(() => this.#removeBelow(position))
      .catch((error: unknown) => {
        throw accessError(this.#directory, error);
      });
    this.#retention = done.catch(() => undefined);
    return done;
  }

  roll(): Promise<void> {
    return this.#writer.roll();
  }

  async rollIfOld(): Promise<void> {
    if (this.#writer.isOld) await this.#writer.roll();
  }

  verify({
    signal,
  }: { readonly signal?: AbortSignal | undefined } = {}): AsyncIterable<VerifiedSegment> {
    return verifySegments({
      segments: this.#writer.segments,
      isKept: (segment) => this.#writer.segments.some((one) => one.path === segment.path),
      disk: this.#disk,
      signal,
    });
  }

  freeBytes(): Promise<number> {
    return this.#disk.freeBytes(this.#directory);
  }

  stats(): LogStats {
    const { segments, counters } = this.#writer;
    const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    return { ...counters, segments: segments.length, sizeBytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#retention;
    await this.#writer[Symbol.asyncDispose]();
  }

  #assertFits(fieldsBytes: number, bodyBytes: number): void {
    const { maxBodyBytes } = this.#settings;
    if (fieldsBytes <= MAX_FIELDS_BYTES && bodyBytes <= maxBodyBytes) return;
    throw new KurobeError(
      "KRB_LOG_TOO_LARGE",
      bodyBytes > maxBodyBytes
        ? `A batch of ${bodyBytes} bytes is larger than the ${maxBodyBytes} that one entry may have`
        : `A batch whose names and keys need ${fieldsBytes} bytes; ${MAX_FIELDS_BYTES} is the limit`,
      { details: { bodyBytes, maxBodyBytes, fieldsBytes } },
    );
  }

  async *#readSegment(
    segment: Segment,
    next: Segment | undefined,
    fromPosition: number,
  ): AsyncGenerator<Entry> {
    const { path, seed, sizeBytes } = segment;
    await using file = await this.#openToRead(path, fromPosition);
    const reader = new FrameReader(file, seed, segmentStart(segment), sizeBytes);
    for (;;) {
      const step = await reader.next(fromPosition);
      const { offset, position, chain } = reader.at;
      if (step.kind === "bad") throw damageError({ ...step, path, position });
      if (step.kind === "end") {
        if (next === undefined || chain === next.header.previous.chain) return;
        const reason = "its last frame is not the one that the next segment follows";
        throw damageError({ path, offset, position, reason });
      }
      const { header } = step.frame;
      if (header.kind === "mark" || header.position < fromPosition) continue;
      yield entryOf(step.frame, path);
    }
  }

  async #openToRead(path: string, position: number): Promise<DiskFile> {
    try {
      return await this.#disk.open(path, "read");
    } catch (error) {
      if (diskErrorCode(error) === "ENOENT") throw removedError(this.#directory, position);
      throw error;
    }
  }

  async #removeBelow(position: number): Promise<void> {
    for (;;) {
      const [oldest, next] = this.#writer.segments;
      if (next === undefined || next.header.firstPosition > position) return;
      try {
        await this.#disk.remove(oldest.path);
      } catch (error) {
        // Gone already where the sync after it failed the last time: it is owed still.
        if (diskErrorCode(error) !== "ENOENT") throw error;
      }
      // One at a time: a power loss that undid only some of several removals would leave a hole.
      this.#writer.countSync();
      await this.#disk.syncDirectory(this.#directory);
      this.#writer.forgetOldest();
    }
  }
}

function entryOf({ header, fields, body }: Frame, path: string): Entry {
  const { kind, position, offset, receivedAtUs } = header;
  assert(kind !== "mark", "a mark is no entry");
  const entryHeader = decodeFields(kind, receivedAtUs, fields);
  if (entryHeader === undefined) {
    throw damageError({ path, offset, position, reason: "its fields are not those of an entry" });
  }
  return { position, header: entryHeader, body };
}
