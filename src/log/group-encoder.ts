/** Lays a group of entries out as frames, ready for one write. Large bodies are not copied. */
import {
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  type FrameKind,
} from "./segment-format.ts";

/** Copying less than this costs less than one more buffer in the write. */
const COPY_BELOW_BYTES = 4096;

export interface EncodableEntry {
  readonly kind: FrameKind;
  readonly position: number;
  readonly receivedAtUs: bigint;
  readonly fields: Uint8Array;
  readonly fieldsChecksum: number;
  readonly body: readonly Uint8Array[];
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
}

export interface FramePlace {
  readonly offset: number;
  readonly chain: number;
  /** The checksum of the segment header. */
  readonly seed: number;
}

export interface EncodedGroup {
  readonly buffers: readonly Uint8Array[];
  readonly endOffset: number;
  readonly chain: number;
}

/** All below `place.offset` must be durable already: the frames say so. */
export function encodeGroup(entries: readonly EncodableEntry[], place: FramePlace): EncodedGroup {
  const isCopied = (entry: EncodableEntry): boolean => entry.bodyBytes < COPY_BELOW_BYTES;
  const copiedBytes = entries.reduce(
    (sum, entry) =>
      sum + FRAME_HEADER_BYTES + entry.fields.length + (isCopied(entry) ? entry.bodyBytes : 0),
    0,
  );
  const arena = Buffer.allocUnsafeSlow(copiedBytes);
  const buffers: Uint8Array[] = [];
  let { offset, chain } = place;
  let from = 0;
  let to = 0;
  for (const entry of entries) {
    const header = frameHeader(entry, offset, chain, place.offset);
    chain = encodeFrameHeader(header, arena.subarray(to, to + FRAME_HEADER_BYTES), place.seed);
    to += FRAME_HEADER_BYTES;
    arena.set(entry.fields, to);
    to += entry.fields.length;
    if (isCopied(entry)) {
      for (const part of entry.body) {
        arena.set(part, to);
        to += part.length;
      }
    } else {
      buffers.push(arena.subarray(from, to), ...entry.body);
      from = to;
    }
    offset += FRAME_HEADER_BYTES + entry.fields.length + entry.bodyBytes;
  }
  if (to > from) buffers.push(arena.subarray(from, to));
  return { buffers, endOffset: offset, chain };
}

/** A frame that is no entry and says: all before it was durable. */
export function markEntry(nextPosition: number): EncodableEntry {
  const fields = new Uint8Array(0);
  const nothing = { fields, fieldsChecksum: 0, body: [], bodyBytes: 0, bodyChecksum: 0 };
  return { kind: "mark", position: nextPosition, receivedAtUs: 0n, ...nothing };
}

function frameHeader(
  entry: EncodableEntry,
  offset: number,
  chain: number,
  durableOffset: number,
): FrameHeader {
  const { kind, position, receivedAtUs, fieldsChecksum, bodyBytes, bodyChecksum } = entry;
  const fieldsBytes = entry.fields.length;
  const checks = { fieldsBytes, fieldsChecksum, bodyBytes, bodyChecksum };
  return { kind, position, receivedAtUs, offset, durableOffset, chain, ...checks };
}
