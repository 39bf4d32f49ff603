/** Reads the frames of one segment in order and checks every byte that it hands out. */
import { type DiskFile } from "../core/disk.ts";
import { checksum } from "./checksum.ts";
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHeader,
} from "./segment-format.ts";

const CHUNK_BYTES = 1_048_576;

export interface Frame {
  readonly header: FrameHeader;
  readonly fields: Uint8Array;
  /** May share memory with its neighbours: do not write into it. */
  readonly body: Uint8Array;
}

export type FrameStep =
  | { readonly kind: "frame"; readonly frame: Frame }
  | { readonly kind: "end" }
  | { readonly kind: "bad"; readonly offset: number; readonly reason: string };

/** Where a reader begins, and what the frame there must say to be the right one. */
export interface FrameStart {
  readonly offset: number;
  /** The position of the next entry. */
  readonly position: number;
  /** The checksum before it; nothing where that is lost, as it is behind a damaged frame. */
  readonly chain: number | undefined;
}

export class FrameReader {
  readonly #bytes: ByteWindow;
  readonly #seed: number;
  readonly #endOffset: number;
  #at: FrameStart;

  /** `seed` is the checksum of the segment header; nothing at or after `endOffset` is read. */
  constructor(file: DiskFile, seed: number, start: FrameStart, endOffset: number) {
    this.#bytes = new ByteWindow(file, endOffset);
    this.#seed = seed;
    this.#endOffset = endOffset;
    this.#at = start;
  }

  /** Behind the last good frame. */
  get at(): FrameStart {
    return this.#at;
  }

  /**
   * The next frame. Fields and body of entries below `fromPosition` are skipped (they come back
   * empty), their headers and chain are checked all the same. After `bad` it stays where it is.
   */
  async next(fromPosition = 0): Promise<FrameStep> {
    const { offset, position, chain } = this.#at;
    if (offset === this.#endOffset) return { kind: "end" };
    const bad = (reason: string): FrameStep => ({ kind: "bad", offset, reason });
    const head = await this.#bytes.take(offset, FRAME_HEADER_BYTES);
    const decoded = decodeFrameHeader(head, offset, this.#seed);
    if (decoded.kind !== "ok") {
      return bad(decoded.kind === "bad" ? decoded.reason : "the frame is of a newer version");
    }
    const header = decoded.value;
    if (header.position !== position) {
      return bad(`position ${header.position} stands where ${position} should`);
    }
    if (chain !== undefined && header.chain !== chain) {
      return bad("the frame does not follow the one before it (hash chain)");
    }
    const bodyAt = offset + FRAME_HEADER_BYTES + header.fieldsBytes;
    const end = bodyAt + header.bodyBytes;
    if (end > this.#endOffset) return bad("the file ends within the frame");
    const isWanted = position >= fromPosition;
    const fieldsAt = offset + FRAME_HEADER_BYTES;
    const fields = await this.#bytes.take(fieldsAt, isWanted ? header.fieldsBytes : 0);
    if (isWanted && checksum([fields]) !== header.fieldsChecksum) {
      return bad("the checksum of the frame's fields is wrong");
    }
    const body = await this.#bytes.take(bodyAt, isWanted ? header.bodyBytes : 0);
    if (isWanted && checksum([body]) !== header.bodyChecksum) {
      return bad("the checksum of the frame's body is wrong");
    }
    const next = header.kind === "mark" ? position : position + 1;
    this.#at = { offset: end, position: next, chain: decoded.checksum };
    return { kind: "frame", frame: { header, fields, body } };
  }
}

/**
 * The headers of whole frame headers at or after `fromOffset`, wherever they begin. It reads
 * through anything, so it is what tells a torn tail from damage with good frames behind it.
 */
export async function* searchFrames(
  file: DiskFile,
  seed: number,
  fromOffset: number,
  endOffset: number,
): AsyncGenerator<FrameHeader> {
  const bytes = new ByteWindow(file, endOffset);
  for (let base = fromOffset; base + FRAME_HEADER_BYTES <= endOffset; base += CHUNK_BYTES) {
    // Chunks overlap by one header, so that a frame across the border is seen as well.
    const chunk = await bytes.take(base, CHUNK_BYTES + FRAME_HEADER_BYTES - 1);
    for (let at = find(chunk, 0); at >= 0; at = find(chunk, at + 1)) {
      const head = chunk.subarray(at, at + FRAME_HEADER_BYTES);
      const decoded = decodeFrameHeader(head, base + at, seed);
      if (decoded.kind === "ok") yield decoded.value;
    }
  }
}

function find(chunk: Uint8Array, from: number): number {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).indexOf(FRAME_MAGIC, from);
}

/** Reads ahead in chunks, so that small frames cost no system call each. */
class ByteWindow {
  readonly #file: DiskFile;
  readonly #endOffset: number;
  #chunk: Uint8Array = new Uint8Array(0);
  #chunkAt = 0;

  constructor(file: DiskFile, endOffset: number) {
    this.#file = file;
    this.#endOffset = endOffset;
  }

  /** Fewer bytes come back only where the file ends first. */
  async take(offset: number, sizeBytes: number): Promise<Uint8Array> {
    const start = offset - this.#chunkAt;
    if (start >= 0 && start + sizeBytes <= this.#chunk.length) {
      return this.#chunk.subarray(start, start + sizeBytes);
    }
    const left = Math.max(0, this.#endOffset - offset);
    if (sizeBytes >= CHUNK_BYTES) return this.#readInto(offset, Math.min(sizeBytes, left));
    // A fresh chunk each time: bodies that were handed out still point into the old one.
    this.#chunk = await this.#readInto(offset, Math.min(CHUNK_BYTES, left));
    this.#chunkAt = offset;
    return this.#chunk.subarray(0, Math.min(sizeBytes, this.#chunk.length));
  }

  async #readInto(offset: number, sizeBytes: number): Promise<Uint8Array> {
    const into = Buffer.allocUnsafeSlow(sizeBytes);
    const done = await this.#file.read(into, offset);
    return into.subarray(0, done);
  }
}
