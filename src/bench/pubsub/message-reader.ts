/**
 * Reads what a subscriber gets, whatever pieces it comes in: for each message the number in front
 * of its payload, and nothing else is built.
 */

export interface MessageSink {
  /** The first digits of a payload; NaN where it begins otherwise. */
  message(stamp: number): void;
  subscribed(): void;
  /** The server ended a subscription by itself: the slot of its channel has moved. */
  ended(): void;
  /** An error reply, or bytes that are no message. */
  refused(text: string): void;
}

const STAMP_DIGITS = 12;
const CR = 13;
const [ARRAY, PUSH, BULK, INTEGER, ERROR] = [42, 62, 36, 58, 45];
const MESSAGE = "message".length;
/** `smessage`, and `pmessage`, which names its pattern in front of the channel. */
const LONGER_MESSAGE = MESSAGE + 1;
/** `unsubscribe`; `subscribe`, `ssubscribe` and `psubscribe` are shorter. */
const UNSUBSCRIBE = "unsubscribe".length;

export class MessageReader {
  readonly #sink: MessageSink;
  #rest: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  /** False where the bytes are no RESP: nothing can be read after that. */
  feed(chunk: Uint8Array, length: number): boolean {
    // The chunk's memory is used again after this call.
    const fresh = Buffer.from(chunk.subarray(0, length));
    const bytes = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    this.#at = 0;
    let done = 0;
    for (;;) {
      const answer = this.#one(bytes);
      if (answer === "broken") return false;
      if (answer === "more") break;
      done = this.#at;
    }
    this.#rest = bytes.subarray(done);
    return true;
  }

  reset(): void {
    this.#rest = Buffer.alloc(0);
  }

  #one(bytes: Buffer): "read" | "more" | "broken" {
    const kind = bytes[this.#at];
    if (kind === undefined) return "more";
    if (kind === ERROR) {
      const end = bytes.indexOf("\r\n", this.#at);
      if (end < 0) return "more";
      this.#sink.refused(bytes.toString("utf8", this.#at + 1, end));
      this.#at = end + 2;
      return "read";
    }
    if (kind !== ARRAY && kind !== PUSH) return "broken";
    const parts = this.#length(bytes);
    if (parts === undefined) return "more";
    return parts === 3 || parts === 4 ? this.#parts(bytes, parts) : "broken";
  }

  #parts(bytes: Buffer, parts: 3 | 4): "read" | "more" | "broken" {
    const word = this.#bulk(bytes);
    if (word === undefined) return "more";
    if (word === "broken") return "broken";
    const wordLength = this.#at - 2 - word;
    const channel = this.#bulk(bytes);
    if (channel === undefined) return "more";
    if (channel === "broken") return "broken";
    if (bytes[this.#at] === INTEGER) {
      if (this.#length(bytes) === undefined) return "more";
      if (parts === 4) return "broken";
      if (wordLength < UNSUBSCRIBE) this.#sink.subscribed();
      else this.#sink.ended();
      return "read";
    }
    if (bytes[this.#at] === undefined) return "more";
    if (wordLength !== LONGER_MESSAGE && (wordLength !== MESSAGE || parts === 4)) return "broken";
    let payload = this.#bulk(bytes);
    if (parts === 4 && typeof payload === "number") payload = this.#bulk(bytes);
    if (payload === undefined) return "more";
    if (payload === "broken") return "broken";
    this.#sink.message(stampAt(bytes, payload, this.#at - 2));
    return "read";
  }

  /** Where a bulk string begins; `#at` is then behind it. */
  #bulk(bytes: Buffer): number | "broken" | undefined {
    if (bytes[this.#at] === undefined) return undefined;
    if (bytes[this.#at] !== BULK) return "broken";
    const length = this.#length(bytes);
    if (length === undefined || bytes.length < this.#at + length + 2) return undefined;
    const start = this.#at;
    this.#at += length + 2;
    return start;
  }

  /** The digits of a header line; undefined while it is not whole. */
  #length(bytes: Buffer): number | undefined {
    let value = 0;
    for (let at = this.#at + 1; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === CR) {
        if (at + 1 >= bytes.length) return undefined;
        this.#at = at + 2;
        return value;
      }
      value = value * 10 + (byte - 48);
    }
    return undefined;
  }
}

function stampAt(bytes: Buffer, start: number, end: number): number {
  if (end - start < STAMP_DIGITS) return Number.NaN;
  let stamp = 0;
  for (let at = start; at < start + STAMP_DIGITS; at++) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    stamp = stamp * 10 + digit;
  }
  return stamp;
}
