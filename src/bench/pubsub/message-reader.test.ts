import { describe, expect, it } from "vitest";
import { MessageReader } from "./message-reader.ts";

const MESSAGES = Buffer.from(
  "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n" +
    ">3\r\n$9\r\nsubscribe\r\n$2\r\nbb\r\n:2\r\n" +
    "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$14\r\n000000000042\r\n\r\n" +
    ">3\r\n$7\r\nmessage\r\n$2\r\nbb\r\n$12\r\n123456789012\r\n" +
    "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n" +
    "*4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$12\r\n000000000007\r\n" +
    ">4\r\n$8\r\npmessage\r\n$2\r\n:1\r\n$1\r\na\r\n$12\r\n000000000008\r\n" +
    "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$12\r\n000000000009\r\n" +
    "*3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:1\r\n" +
    "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n" +
    ">3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n" +
    "-ERR no such thing\r\n",
);

function read(chunks: readonly Uint8Array[]): { seen: unknown[]; isWhole: boolean } {
  const seen: unknown[] = [];
  const reader = new MessageReader({
    message: (stamp) => seen.push(stamp),
    subscribed: () => seen.push("subscribed"),
    ended: () => seen.push("ended"),
    refused: (text) => seen.push(text),
  });
  // One memory for all chunks, as the socket has it.
  const shared = Buffer.alloc(4096);
  const isWhole = chunks.every((chunk) => {
    shared.fill(0).set(chunk);
    return reader.feed(shared, chunk.length);
  });
  return { seen, isWhole };
}

const ALL = [
  ...["subscribed", "subscribed", 42, 123_456_789_012, Number.NaN, 7, 8, 9],
  ...["subscribed", "subscribed", "ended", "ERR no such thing"],
];

describe("messages", () => {
  it("are read whole", () => {
    expect(read([MESSAGES])).toEqual({ seen: ALL, isWhole: true });
  });

  it("are read the same wherever they are cut in two", () => {
    for (let cut = 1; cut < MESSAGES.length; cut++) {
      const { seen } = read([MESSAGES.subarray(0, cut), MESSAGES.subarray(cut)]);
      expect([cut, seen]).toEqual([cut, ALL]);
    }
  });

  it("are read byte by byte", () => {
    const bytes = Array.from(MESSAGES, (_, at) => MESSAGES.subarray(at, at + 1));
    expect(read(bytes).seen).toEqual(ALL);
  });

  it.each(["+OK\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*3\r\n$3\r\nfoo\r\n$1\r\na\r\n$1\r\nb\r\n"])(
    "are nothing else: %j",
    (text) => {
      expect(read([Buffer.from(text)])).toEqual({ seen: [], isWhole: false });
    },
  );
});
