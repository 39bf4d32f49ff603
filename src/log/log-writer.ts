/**
 * The only writer of the log: gives positions at once, and shares one write and one fdatasync among
 * all appends that waited for the one before (group commit).
 *
 * What happens when the disk fails:
 *
 * - A failed **write** (a full disk, say) is undone: the segment is cut back to its durable end,
 *   and the cut is synced. Then the group and everything queued behind it is rejected, in order,
 *   and the next append gets the position of the first rejected one. Rejected entries are gone for
 *   good.
 * - After a failed **fdatasync** (or a failed undo) nothing is known of what reached the disk. All
 *   that waits is rejected, and the log takes nothing more until it is opened again: only that
 *   reads the disk itself. Entries of that group may or may not be there then.
 */
import { type Clock } from "../core/clock.ts";
import { type Disk } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { AppendQueue, type Pending } from "./append-queue.ts";
import { type EncodableEntry, encodeGroup, markEntry } from "./group-encoder.ts";
import { writeError } from "./log-failures.ts";
import { type LogSettings } from "./log-settings.ts";
import { type OpenSegment, prepareSegment, publishSegment, type Segment } from "./segment-files.ts";
import { segmentPath, unfinishedPath } from "./segment-files.ts";
import { segmentStart, type Tail } from "./tail.ts";

/** Where the durable part of the open segment ends. */
interface DurableEnd {
  readonly offset: number;
  readonly position: number;
  readonly chain: number;
}

type Step = "prepare" | "publish" | "write" | "sync";

export interface WriterCounters {
  /** fdatasync and fsync calls, of directories too. */
  readonly fsyncs: number;
  /** Writes that carried one or more entries. */
  readonly groups: number;
  readonly entries: number;
  readonly writtenBytes: number;
  readonly pendingBytes: number;
  readonly pendingEntries: number;
}

export interface LogWriterOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly settings: LogSettings;
  /** All segments but the open one, in order. */
  readonly finished: readonly Segment[];
  readonly open: Segment;
  readonly tail: Pick<Tail, "file" | "scan">;
}

export class LogWriter implements AsyncDisposable {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #settings: LogSettings;
  readonly #finished: Segment[];
  #open: OpenSegment;
  #end: DurableEnd;
  #openEntries: number;
  #isMarked: boolean;
  #nextPosition: number;
  readonly #queue = new AppendQueue();
  #step: Step = "write";
  #running: Promise<void> | undefined;
  #stopped: KurobeError | undefined;
  #closing: Promise<void> | undefined;
  #counters = { fsyncs: 0, groups: 0, entries: 0, writtenBytes: 0 };

  constructor(options: LogWriterOptions) {
    const { directory, disk, clock, settings, finished, open, tail } = options;
    this.#directory = directory;
    this.#disk = disk;
    this.#clock = clock;
    this.#settings = settings;
    this.#finished = [...finished];
    this.#open = { segment: open, file: tail.file };
    this.#end = tail.scan.end;
    this.#openEntries = tail.scan.entries;
    this.#isMarked = tail.scan.isMarked || tail.scan.entries === 0;
    this.#nextPosition = tail.scan.end.position;
  }

  get nextPosition(): number {
    return this.#nextPosition;
  }

  /** The position after the last durable entry. */
  get durableEnd(): number {
    return this.#end.position;
  }

  /** Every segment, with the size of its durable part; the last one is being written. */
  get segments(): readonly [...Segment[], Segment] {
    return [...this.#finished, { ...this.#open.segment, sizeBytes: this.#end.offset }];
  }

  get counters(): WriterCounters {
    const { pendingBytes, pendingEntries } = this.#queue;
    return { ...this.#counters, pendingBytes, pendingEntries };
  }

  /** Throws what an append would have to fail with now. */
  assertWritable(sizeBytes: number): void {
    if (this.#stopped !== undefined) throw this.#stopped;
    if (this.#closing !== undefined) {
      throw new KurobeError("KRB_CORE_CLOSED", `The log ${this.#directory} is closed`);
    }
    const { pendingBytes } = this.#queue;
    if (pendingBytes > 0 && pendingBytes + sizeBytes > this.#settings.maxPendingBytes) {
      throw new KurobeError(
        "KRB_LOG_FULL_QUEUE",
        `${pendingBytes} bytes wait for the disk of ${this.#directory} already`,
        { details: { pendingBytes, maxPendingBytes: this.#settings.maxPendingBytes } },
      );
    }
  }

  /**
   * `entry.position` must be `nextPosition`. The body must not change until the promise settles.
   */
  append(entry: EncodableEntry): Promise<void> {
    this.#nextPosition += 1;
    return this.#enqueue(entry);
  }

  /** Finishes the open segment after everything appended so far; nothing to do for an empty one. */
  roll(): Promise<void> {
    this.assertWritable(0);
    return this.#enqueue("roll");
  }

  /** Whether the open segment has entries and is older than one should get. */
  get isOld(): boolean {
    const ageUs = this.#clock.nowUs() - this.#open.segment.header.createdAtUs;
    return this.#openEntries > 0 && ageUs >= BigInt(this.#settings.segmentAgeMs) * 1000n;
  }

  /** Takes the oldest segment off the list; its file is the caller's to remove. */
  forgetOldest(): void {
    this.#finished.shift();
  }

  countSync(): void {
    this.#counters.fsyncs += 1;
  }

  /** Waits for everything appended; after an orderly close no damage can pass for a torn tail. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#running;
    try {
      if (this.#stopped === undefined && !this.#isMarked) await this.#writeMark();
    } finally {
      await this.#open.file[Symbol.asyncDispose]();
    }
  }

  async #writeMark(): Promise<void> {
    try {
      await this.#write([markEntry(this.#end.position)]);
    } catch {
      // Every entry is durable without it; half of a mark is a torn tail that the next open cuts.
    }
  }

  #enqueue(what: EncodableEntry | "roll"): Promise<void> {
    const settled = this.#queue.push(what);
    this.#running ??= this.#run();
    return settled;
  }

  async #run(): Promise<void> {
    const limitBytes = Math.min(this.#settings.groupBytes, this.#settings.segmentBytes);
    while (!this.#queue.isEmpty) {
      // One turn of the event loop: whoever was woken by the last group can join this one.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.#queue.take(limitBytes);
      try {
        await this.#commit(batch);
        this.#queue.settle(batch);
      } catch (cause) {
        const error = await this.#undo(cause);
        // What was appended meanwhile counted on positions after those that failed.
        const rejected = [...batch, ...this.#queue.takeAll()];
        this.#nextPosition = this.#end.position;
        this.#queue.settle(rejected, error);
      }
    }
    // In the same turn as the last look at the queue: the next append starts a new run.
    this.#running = undefined;
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    if (this.#mustRoll(batch)) await this.#roll();
    const entries: EncodableEntry[] = [];
    for (const pending of batch) {
      if (pending.kind === "append") entries.push(pending.entry);
    }
    if (entries.length === 0) return;
    await this.#write(entries);
    this.#counters.groups += 1;
    this.#counters.entries += entries.length;
    this.#openEntries += entries.length;
  }

  #mustRoll(batch: readonly Pending[]): boolean {
    if (this.#openEntries === 0) return false;
    if (this.isOld) return true;
    let sizeBytes = this.#end.offset;
    for (const pending of batch) {
      if (pending.kind === "roll") return true;
      sizeBytes += pending.sizeBytes;
    }
    return sizeBytes > this.#settings.segmentBytes;
  }

  async #write(entries: readonly EncodableEntry[]): Promise<void> {
    const { segment, file } = this.#open;
    const { buffers, endOffset, chain } = encodeGroup(entries, {
      ...this.#end,
      seed: segment.seed,
    });
    this.#step = "write";
    await file.write(buffers, this.#end.offset);
    this.#step = "sync";
    this.#counters.fsyncs += 1;
    await file.sync();
    this.#counters.writtenBytes += endOffset - this.#end.offset;
    this.#isMarked = entries.every((entry) => entry.kind === "mark");
    const written = this.#isMarked ? 0 : entries.length;
    this.#end = { offset: endOffset, position: this.#end.position + written, chain };
  }

  async #roll(): Promise<void> {
    const { segment, file } = this.#open;
    const { offset, position, chain } = this.#end;
    const header = {
      logId: segment.header.logId,
      firstPosition: position,
      createdAtUs: this.#clock.nowUs(),
      previous: { firstPosition: segment.header.firstPosition, endOffset: offset, chain },
    };
    this.#step = "prepare";
    const next = await prepareSegment(this.#directory, header, this.#disk);
    this.#step = "publish";
    this.#counters.fsyncs += 2;
    try {
      await publishSegment(next.segment.path, this.#disk);
    } catch (error) {
      await next.file[Symbol.asyncDispose]();
      throw error;
    }
    this.#finished.push({ ...segment, sizeBytes: offset });
    this.#open = next;
    this.#end = segmentStart(next.segment);
    this.#openEntries = 0;
    this.#isMarked = true;
    await file[Symbol.asyncDispose]();
  }

  /** Brings the files back to what is durable, where that can be known; says what to answer. */
  async #undo(cause: unknown): Promise<KurobeError> {
    const failed = this.#step;
    const isKnown = (failed === "write" || failed === "prepare") && (await this.#cutBack(failed));
    if (isKnown) return writeError(this.#open.segment.path, cause);
    // Worth a try all the same: what was not acknowledged should not come back.
    if (failed === "sync") await this.#cutBack("write");
    this.#stopped = new KurobeError(
      "KRB_LOG_STOPPED",
      `The log ${this.#directory} takes no more entries: a ${failed} failed`,
      { cause, details: { path: this.#open.segment.path, step: failed } },
    );
    return this.#stopped;
  }

  async #cutBack(failed: "write" | "prepare"): Promise<boolean> {
    try {
      if (failed === "prepare") {
        // A leftover would be overwritten by the next roll, or removed by the next open.
        const path = segmentPath(this.#directory, this.#end.position);
        await this.#disk.remove(unfinishedPath(path)).catch(() => undefined);
        return true;
      }
      await this.#open.file.truncate(this.#end.offset);
      await this.#open.file.sync();
      return true;
    } catch {
      return false;
    }
  }
}
