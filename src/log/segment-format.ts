/**
 * The bytes of a log segment: one file header, then frames of one header, fields and body each.
 *
 * All numbers are little-endian. A frame header carries its own checksum, so that a damaged length
 * cannot look like the end of the log. That checksum starts from the segment's own (which covers
 * the log's random id), and the header names its own offset: a frame copied from elsewhere, even
 * inside somebody's body, is never taken for one of ours.
 */
import { checksum } from "./checksum.ts";

export const SEGMENT_HEADER_BYTES = 96;
export const FRAME_HEADER_BYTES = 64;
export const FORMAT_VERSION = 1;
export const MAX_FIELDS_BYTES = 65_536;
export const MAX_BODY_BYTES = 1_073_741_824;

const SEGMENT_MAGIC = new TextEncoder().encode("KUROBELG");
/** What a search for a later frame looks for. */
export const FRAME_MAGIC: Uint8Array = Uint8Array.of(0x9b, 0x4b, 0x46, 0x52);

/** What a segment says of the one before it; all zero in the first segment of a log. */
export interface SegmentLink {
  readonly firstPosition: number;
  /** The end of its last frame: its exact file size. */
  readonly endOffset: number;
  /** The checksum of its last frame header. */
  readonly chain: number;
}

export interface SegmentHeader {
  /** 32 hexadecimal digits, the same in every segment of one log. */
  readonly logId: string;
  readonly firstPosition: number;
  readonly createdAtUs: bigint;
  readonly previous: SegmentLink;
}

/** `mark` is no entry: it only says, by its `durableOffset`, that all before it was durable. */
export type FrameKind = "batch" | "tick" | "control" | "mark";

export interface FrameHeader {
  readonly kind: FrameKind;
  /** Of a mark: the position that the next entry will have. */
  readonly position: number;
  readonly receivedAtUs: bigint;
  /** Where this frame begins in its file. */
  readonly offset: number;
  /** All bytes of the file below this were durable before this frame was written. */
  readonly durableOffset: number;
  readonly fieldsBytes: number;
  readonly fieldsChecksum: number;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  /** The checksum of the frame header before this one; of the segment header for the first. */
  readonly chain: number;
}

export type Decoded<T> =
  | { readonly kind: "ok"; readonly value: T; readonly checksum: number }
  | { readonly kind: "bad"; readonly reason: string }
  | { readonly kind: "newer"; readonly version: number };

const KIND_CODES: Readonly<Record<FrameKind, number>> = { batch: 1, tick: 2, control: 3, mark: 9 };
const KINDS: ReadonlyMap<number, FrameKind> = new Map(
  (["batch", "tick", "control", "mark"] as const).map((kind) => [KIND_CODES[kind], kind]),
);

export function encodeSegmentHeader(header: SegmentHeader): {
  readonly bytes: Uint8Array;
  readonly checksum: number;
} {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.set(SEGMENT_MAGIC, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(SEGMENT_HEADER_BYTES, 12);
  bytes.write(header.logId, 16, 16, "hex");
  writePosition(bytes, header.firstPosition, 32);
  bytes.writeBigInt64LE(header.createdAtUs, 40);
  writePosition(bytes, header.previous.firstPosition, 48);
  writePosition(bytes, header.previous.endOffset, 56);
  bytes.writeUInt32LE(header.previous.chain, 64);
  const sum = checksum([bytes.subarray(0, SEGMENT_HEADER_BYTES - 4)]);
  bytes.writeUInt32LE(sum, SEGMENT_HEADER_BYTES - 4);
  return { bytes, checksum: sum };
}

export function decodeSegmentHeader(from: Uint8Array): Decoded<SegmentHeader> {
  const bytes = asBuffer(from);
  if (bytes.length < SEGMENT_HEADER_BYTES) return bad("the file is shorter than a segment header");
  if (!SEGMENT_MAGIC.every((byte, index) => bytes[index] === byte)) {
    return bad("the file does not begin as a log segment");
  }
  // Magic, version and checksum keep their places in every version to come; the rest may move.
  const version = bytes.readUInt32LE(8);
  const sum = checksum([bytes.subarray(0, SEGMENT_HEADER_BYTES - 4)]);
  if (sum !== bytes.readUInt32LE(SEGMENT_HEADER_BYTES - 4)) {
    return bad("the segment header's checksum is wrong");
  }
  if (version !== FORMAT_VERSION) return { kind: "newer", version };
  const value = {
    logId: bytes.toString("hex", 16, 32),
    firstPosition: readPosition(bytes, 32),
    createdAtUs: bytes.readBigInt64LE(40),
    previous: {
      firstPosition: readPosition(bytes, 48),
      endOffset: readPosition(bytes, 56),
      chain: bytes.readUInt32LE(64),
    },
  };
  return { kind: "ok", value, checksum: sum };
}

/** Writes the header at the start of `into`; `seed` is the checksum of the segment header. */
export function encodeFrameHeader(header: FrameHeader, into: Buffer, seed: number): number {
  into.set(FRAME_MAGIC, 0);
  into.writeUInt32LE(KIND_CODES[header.kind], 4);
  writePosition(into, header.position, 8);
  into.writeBigInt64LE(header.receivedAtUs, 16);
  writePosition(into, header.offset, 24);
  writePosition(into, header.durableOffset, 32);
  into.writeUInt32LE(header.fieldsBytes, 40);
  into.writeUInt32LE(header.fieldsChecksum, 44);
  into.writeUInt32LE(header.bodyBytes, 48);
  into.writeUInt32LE(header.bodyChecksum, 52);
  into.writeUInt32LE(header.chain, 56);
  const sum = checksum([into.subarray(0, FRAME_HEADER_BYTES - 4)], seed);
  into.writeUInt32LE(sum, FRAME_HEADER_BYTES - 4);
  return sum;
}

/**
 * Checks all that a header alone can show; the chain and the position are the reader's to check.
 */
export function decodeFrameHeader(
  from: Uint8Array,
  offset: number,
  seed: number,
): Decoded<FrameHeader> {
  const bytes = asBuffer(from);
  if (bytes.length < FRAME_HEADER_BYTES) return bad("the file ends within a frame header");
  const sum = checksum([bytes.subarray(0, FRAME_HEADER_BYTES - 4)], seed);
  if (
    !FRAME_MAGIC.every((byte, index) => bytes[index] === byte) ||
    sum !== bytes.readUInt32LE(FRAME_HEADER_BYTES - 4)
  ) {
    return bad("the frame header's checksum is wrong");
  }
  const kind = KINDS.get(bytes.readUInt32LE(4));
  const value = {
    position: readPosition(bytes, 8),
    receivedAtUs: bytes.readBigInt64LE(16),
    offset: readPosition(bytes, 24),
    durableOffset: readPosition(bytes, 32),
    fieldsBytes: bytes.readUInt32LE(40),
    fieldsChecksum: bytes.readUInt32LE(44),
    bodyBytes: bytes.readUInt32LE(48),
    bodyChecksum: bytes.readUInt32LE(52),
    chain: bytes.readUInt32LE(56),
  };
  if (kind === undefined) return bad("the frame is of an unknown kind");
  if (value.offset !== offset) return bad(`the frame was written for offset ${value.offset}`);
  if (value.fieldsBytes > MAX_FIELDS_BYTES || value.bodyBytes > MAX_BODY_BYTES) {
    return bad("the frame is longer than any frame may be");
  }
  return { kind: "ok", value: { kind, ...value }, checksum: sum };
}

function bad(reason: string): { readonly kind: "bad"; readonly reason: string } {
  return { kind: "bad", reason };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Safe integers only: both are far below 2^53 in any log that fits on a disk. */
function writePosition(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function readPosition(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}
