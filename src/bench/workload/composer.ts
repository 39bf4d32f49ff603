/**
 * Writes the commands of one connection into one buffer: templates copied, digits written into
 * them. A workload of one operation is laid out once, and only its digits change.
 */
import { KurobeError } from "../../core/errors.ts";
import { AliasTable } from "./alias-table.ts";
import { type CompiledOperation, keyPrefix, type Patch, TAG_DIGITS } from "./compile.ts";
import { type KeyRouting, KeySource, type InsertCounter } from "./key-source.ts";
import { KEY_SOURCES, type NumberSource, type Part } from "./placeholder.ts";
import { Random } from "./random.ts";
import { stampOf } from "./time-stamp.ts";
import { drawSize } from "./value-size.ts";
import { DIGITS, type Workload } from "./workload.ts";

/** Stands for a reply that does not end its operation. */
export const PART_OF_OPERATION = 255;

const MAX_BATCH_BYTES = 256 * 1024 * 1024;
const COPY_BY_HAND_BYTES = 48;

export interface ComposerOptions {
  readonly workload: Workload;
  readonly operations: readonly CompiledOperation[];
  readonly inserts: readonly InsertCounter[];
  readonly seed: number;
  /** Number of the connection among all of the run, and how many there are. */
  readonly lane: number;
  readonly lanes: number;
  /** Operations in one write, at most. */
  readonly depth: number;
  /** Bytes that values are cut from. */
  readonly valueBytes: Buffer;
  readonly routing?: KeyRouting | undefined;
}

export class Composer {
  /** The operation of each reply that the last `compose` asks for. */
  readonly replies: Uint8Array;
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #operations: readonly CompiledOperation[];
  readonly #sources: readonly KeySource[];
  readonly #workload: Workload;
  readonly #random: Random;
  readonly #choice: AliasTable | undefined;
  readonly #valueBytes: Buffer;
  /** By place in the batch: what follows there, and on which key. */
  readonly #following: Int16Array;
  readonly #followingKey: Float64Array;
  /** What a batch of one number a command is patched with. */
  readonly #numbers: Float64Array;
  readonly #tagCount: number;
  /** Length of the one operation whose batch is laid out already; 0 where there are several. */
  readonly #laidOut: number;
  /** The laid out batch at its full depth: a view costs as much as a command. */
  readonly #fullBatch: Buffer;
  readonly #keyPrefixes: readonly string[];
  readonly #counterStep: number;
  #counter: number;
  #dueMs: Float64Array | undefined;
  #slot = 0;
  #at = 0;
  #replyCount = 0;

  constructor(options: ComposerOptions) {
    const { workload, operations, seed, lane, lanes, depth } = options;
    this.#operations = operations;
    this.#workload = workload;
    this.#valueBytes = options.valueBytes;
    this.#random = new Random(seed, lane);
    this.#tagCount = options.routing?.tagCount ?? 0;
    this.#keyPrefixes = workload.keyspaces.map((each) => keyPrefix(workload.prefix, each));
    this.#counter = lane;
    this.#counterStep = Math.max(1, lanes);
    this.#sources = workload.keyspaces.map((keyspace, index) => {
      const inserts = options.inserts[index];
      if (inserts === undefined) throw new Error("each keyspace needs a counter");
      const start = Math.floor((keyspace.keyCount * lane) / Math.max(1, lanes));
      return new KeySource(keyspace, this.#random, inserts, {
        routing: options.routing,
        start,
        inFlight: lanes * depth,
      });
    });
    const weights = operations.map(({ weight }) => weight);
    this.#choice = operations.length > 1 ? new AliasTable(weights, this.#random) : undefined;
    const maxBytes = Math.max(...operations.map((operation) => operation.maxBytes)) * depth;
    if (maxBytes > MAX_BATCH_BYTES) {
      throw new KurobeError(
        "KRB_BENCH_WORKLOAD",
        `${depth} operations of ${workload.name} take ${maxBytes} bytes in one write`,
        { hint: "Use smaller values, or a smaller pipeline: 256 MiB is the most." },
      );
    }
    this.#buffer = Buffer.alloc(maxBytes);
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, maxBytes);
    this.replies = new Uint8Array(depth * Math.max(...operations.map(({ replies }) => replies)));
    this.#following = new Int16Array(depth).fill(-1);
    this.#followingKey = new Float64Array(depth);
    this.#numbers = new Float64Array(depth);
    this.#laidOut = this.#layOut(depth);
    this.#fullBatch = this.#buffer.subarray(0, this.#laidOut * depth);
  }

  /** The operation that every reply belongs to; -1 where there are several. */
  get onlyOperation(): number {
    return this.#laidOut > 0 ? 0 : -1;
  }

  get replyCount(): number {
    return this.#replyCount;
  }

  /**
   * The next `count` operations as bytes, valid until the next call. `dueMs` holds the time of each
   * for `{now}`; without it that is the present.
   */
  compose(count: number, dueMs?: Float64Array): Buffer {
    this.#dueMs = dueMs;
    if (this.#laidOut > 0) return this.#patchAll(count);
    this.#at = 0;
    this.#replyCount = 0;
    for (let slot = 0; slot < count; slot++) {
      this.#slot = slot;
      const following = this.#following[slot] ?? -1;
      const index = following >= 0 ? following : (this.#choice?.next() ?? 0);
      const operation = this.#operations[index];
      if (operation === undefined) continue;
      this.#write(operation, index, following >= 0 ? (this.#followingKey[slot] ?? 0) : -1);
      this.#following[slot] = operation.then;
      if (operation.then >= 0) {
        this.#followingKey[slot] = this.#sources[operation.keyspaceIndex]?.lastKey ?? 0;
      }
    }
    return this.#buffer.subarray(0, this.#at);
  }

  #write(operation: CompiledOperation, index: number, sameKey: number): void {
    const source = this.#sources[operation.keyspaceIndex];
    if (source === undefined) return;
    source.beginOperation();
    if (sameKey >= 0) source.lastKey = sameKey;
    const { pieces } = operation;
    // No iterators here: this runs for each command.
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index];
      if (piece === undefined) continue;
      const { bytes, patches, tail } = piece;
      const start = this.#at;
      copyBytes(bytes, this.#buffer, start);
      this.#patchEach(source, patches, start);
      this.#at = start + bytes.length;
      if (tail !== undefined) this.#writeTail(tail, operation.keyspaceIndex, source);
    }
    for (let step = 1; step < operation.replies; step++) {
      this.replies[this.#replyCount] = PART_OF_OPERATION;
      this.#replyCount += 1;
    }
    this.replies[this.#replyCount] = index;
    this.#replyCount += 1;
  }

  #patchEach(source: KeySource, patches: readonly Patch[], start: number): void {
    for (let index = 0; index < patches.length; index++) {
      const patch = patches[index];
      if (patch === undefined) continue;
      this.#put(patch, start, this.#draw(source, patch.source));
    }
  }

  #put({ offset, tagOffset }: Patch, start: number, number: number): void {
    writeTwelve(this.#view, start + offset, number);
    if (tagOffset >= 0) writeFour(this.#view, start + tagOffset, number % this.#tagCount);
  }

  /** An argument whose length is not known before: its header is written behind its content. */
  #writeTail(parts: readonly Part[], keyspaceIndex: number, source: KeySource): void {
    const size = this.#workload.keyspaces[keyspaceIndex]?.value;
    let text = "";
    let valueBytes = -1;
    for (const [index, part] of parts.entries()) {
      // A value at the end is copied as it is; in front of something it becomes text like the rest.
      if (part.kind !== "value") text += this.#textOf(part, keyspaceIndex, source);
      else if (size === undefined) continue;
      else if (index === parts.length - 1) valueBytes = drawSize(size, this.#random);
      else text += this.#cutValue(drawSize(size, this.#random)).toString("latin1");
    }
    const length = Buffer.byteLength(text) + Math.max(0, valueBytes);
    this.#at += this.#buffer.write(`$${length}\r\n`, this.#at, "latin1");
    this.#at += this.#buffer.write(text, this.#at);
    if (valueBytes >= 0) {
      this.#at += this.#cutValue(valueBytes).copy(this.#buffer, this.#at);
    }
    this.#buffer[this.#at] = 13;
    this.#buffer[this.#at + 1] = 10;
    this.#at += 2;
  }

  #draw(source: KeySource, kind: NumberSource): number {
    const dueMs = kind === "now" ? this.#dueMs?.[this.#slot] : undefined;
    return dueMs === undefined ? source.draw(kind) : stampOf(dueMs);
  }

  #cutValue(bytes: number): Buffer {
    const from = this.#random.below(this.#valueBytes.length - bytes + 1);
    return this.#valueBytes.subarray(from, from + bytes);
  }

  #textOf(
    part: Exclude<Part, { readonly kind: "value" }>,
    keyspaceIndex: number,
    source: KeySource,
  ): string {
    switch (part.kind) {
      case "text":
        return part.text;
      case "random":
        return String(part.from + this.#random.below(part.limit - part.from));
      case "choice":
        return part.words[this.#random.below(part.words.length)] ?? "";
      case "counter": {
        const number = this.#counter;
        this.#counter += this.#counterStep;
        return String(number);
      }
      case "number": {
        const number = this.#draw(source, part.source);
        const digits = String(number).padStart(DIGITS, "0");
        if (!KEY_SOURCES.includes(part.source)) return digits;
        const tag = String(number % this.#tagCount).padStart(TAG_DIGITS, "0");
        const head = this.#keyPrefixes[keyspaceIndex] ?? "";
        return this.#tagCount === 0 ? head + digits : `${head}{${tag}}:${digits}`;
      }
    }
  }

  #layOut(depth: number): number {
    const [operation] = this.#operations;
    const piece = operation?.pieces[0];
    const isPlain =
      this.#operations.length === 1 &&
      operation?.pieces.length === 1 &&
      operation.hasFixedLength &&
      operation.replies === 1 &&
      operation.then < 0;
    if (!isPlain || piece === undefined) return 0;
    for (let slot = 0; slot < depth; slot++) {
      piece.bytes.copy(this.#buffer, slot * piece.bytes.length);
    }
    this.replies.fill(0);
    return piece.bytes.length;
  }

  #patchAll(count: number): Buffer {
    const source = this.#sources[this.#operations[0]?.keyspaceIndex ?? 0];
    const patches = this.#operations[0]?.pieces[0]?.patches ?? [];
    if (source === undefined) return this.#buffer.subarray(0, 0);
    const only = patches.length === 1 ? patches[0] : undefined;
    const numbers = this.#numbers;
    if (only !== undefined && source.drawAtOnce(only.source, count, numbers)) {
      for (let slot = 0; slot < count; slot++) {
        this.#put(only, slot * this.#laidOut, numbers[slot] ?? 0);
      }
    } else {
      for (let slot = 0; slot < count; slot++) {
        this.#slot = slot;
        source.beginOperation();
        this.#patchEach(source, patches, slot * this.#laidOut);
      }
    }
    this.#replyCount = count;
    const length = count * this.#laidOut;
    return length === this.#fullBatch.length ? this.#fullBatch : this.#buffer.subarray(0, length);
  }
}

/** `000` to `999` as the three high bytes of a number of 32 bits. */
const THREE_DIGITS = Int32Array.from({ length: 1000 }, (_, number) =>
  Buffer.from(`${String(number).padStart(3, "0")}\0`, "latin1").readInt32BE(),
);

/**
 * `value` below 10^12, with zeros in front: three digits with each store, the fourth byte is
 * next's.
 */
function writeTwelve(view: DataView, offset: number, value: number): void {
  let first = 0;
  let low = value;
  if (value >= 1_000_000) {
    first = Math.floor(value / 1_000_000);
    low = value - first * 1_000_000;
  }
  const thousands = (first / 1000) | 0;
  view.setInt32(offset, THREE_DIGITS[thousands] ?? 0);
  view.setInt32(offset + 3, THREE_DIGITS[first - thousands * 1000] ?? 0);
  writeSix(view, offset + 6, low);
}

function writeSix(view: DataView, offset: number, value: number): void {
  const thousands = (value / 1000) | 0;
  const high = THREE_DIGITS[thousands] ?? 0;
  const low = THREE_DIGITS[value - thousands * 1000] ?? 0;
  view.setInt32(offset, high);
  // Its last four digits: behind them begins what is not ours.
  view.setInt32(offset + 2, (high << 16) | (low >>> 8));
}

/** The digits of a slot's tag: below 10,000. */
function writeFour(view: DataView, offset: number, value: number): void {
  const thousands = (value / 1000) | 0;
  const low = THREE_DIGITS[value - thousands * 1000] ?? 0;
  view.setInt32(offset, ((48 + thousands) << 24) | (low >>> 8));
}

/** A call costs more than a few bytes do. */
function copyBytes(from: Buffer, to: Buffer, at: number): void {
  const length = from.length;
  if (length > COPY_BY_HAND_BYTES) {
    to.set(from, at);
    return;
  }
  for (let index = 0; index < length; index++) to[at + index] = from[index] ?? 0;
}
