import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplyCounter, ReplyKind } from "./reply-counter.ts";
import { type Reply, ReplyError, ReplyReader } from "./reply-reader.ts";

type Said =
  | keyof typeof ReplyKind
  | "push"
  | { readonly error: string }
  /** Elements, nulls among them, zeros among them. */
  | { readonly list: readonly [number, number, number] };

/** Every kind of reply that RESP2 and RESP3 have, with what the counter must say of it. */
const REPLIES: readonly (readonly [string, Said])[] = [
  ["+OK\r\n", "status"],
  ["+\r\n", "status"],
  [":42\r\n", "integer"],
  [":-1\r\n", "integer"],
  ["$3\r\nabc\r\n", "text"],
  ["$0\r\n\r\n", "text"],
  ["$11\r\n+OK\r\n$-1\r\n*\r\n", "text"],
  ["$-1\r\n", "nil"],
  ["*-1\r\n", "nil"],
  ["_\r\n", "nil"],
  ["*0\r\n", "empty"],
  ["%0\r\n", "empty"],
  ["~0\r\n", "empty"],
  ["*3\r\n$1\r\na\r\n$-1\r\n:5\r\n", { list: [3, 1, 0] }],
  ["*2\r\n$1\r\na\r\n$-1\r\n", { list: [2, 1, 0] }],
  ["*1\r\n*0\r\n", { list: [1, 0, 0] }],
  ["*1\r\n*-1\r\n", { list: [1, 1, 0] }],
  ["|1\r\n+a\r\n*0\r\n*1\r\n_\r\n", { list: [1, 1, 0] }],
  ["*2\r\n*2\r\n:1\r\n*0\r\n*1\r\n*1\r\n$2\r\nhi\r\n", { list: [2, 0, 0] }],
  ["%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", { list: [4, 0, 0] }],
  ["~2\r\n:1\r\n:2\r\n", { list: [2, 0, 0] }],
  // MGET, RESP2 and RESP3; GEOPOS; SMISMEMBER.
  ["*4\r\n$-1\r\n$4\r\n$-1\r\r\n$-1\r\n$0\r\n\r\n", { list: [4, 2, 0] }],
  ["*4\r\n_\r\n$1\r\n_\r\n$-1\r\n_\r\n", { list: [4, 3, 0] }],
  ["*3\r\n*-1\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n*-1\r\n", { list: [3, 2, 0] }],
  ["*5\r\n:0\r\n:1\r\n:0\r\n:-1\r\n:10\r\n", { list: [5, 0, 2] }],
  // What lies deeper counts for nothing, wherever it ends, and whatever is in an attribute.
  ["*3\r\n*3\r\n$-1\r\n*1\r\n_\r\n:0\r\n$-1\r\n*2\r\n:0\r\n*-1\r\n", { list: [3, 1, 0] }],
  ["*2\r\n*1\r\n*1\r\n*1\r\n_\r\n:0\r\n", { list: [2, 0, 1] }],
  ["*3\r\n_\r\n|1\r\n*1\r\n_\r\n:0\r\n$-1\r\n|1\r\n_\r\n_\r\n*1\r\n$-1\r\n", { list: [3, 2, 0] }],
  ["|1\r\n_\r\n:0\r\n*2\r\n:0\r\n_\r\n", { list: [2, 1, 1] }],
  ["%2\r\n+a\r\n_\r\n+b\r\n%1\r\n+c\r\n_\r\n", { list: [4, 1, 0] }],
  [">2\r\n_\r\n:0\r\n", "push"],
  ["*1\r\n:+7\r\n", { list: [1, 0, 0] }],
  [",3.14\r\n", "number"],
  [",inf\r\n", "number"],
  ["#t\r\n", "number"],
  ["(3492890328409238509324850943850943825024385\r\n", "number"],
  ["=15\r\ntxt:Some string\r\n", "text"],
  ["|1\r\n+ttl\r\n:3600\r\n$1\r\nx\r\n", "text"],
  [">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", "push"],
  ["-ERR unknown command 'X'\r\n", { error: "ERR unknown command 'X'" }],
  ["-MOVED 3999 127.0.0.1:6381\r\n", { error: "MOVED 3999 127.0.0.1:6381" }],
  ["!21\r\nSYNTAX invalid syntax\r\n", { error: "SYNTAX invalid syntax" }],
  ["*2\r\n+OK\r\n-WRONGTYPE no\r\n", { error: "WRONGTYPE no" }],
];

type Seen = number | string;

function count(chunks: readonly Uint8Array[]): {
  readonly seen: Seen[];
  readonly isWhole: boolean;
} {
  const seen: Seen[] = [];
  const counter = new ReplyCounter({
    reply: (kind, times) => seen.push(...Array<number>(times).fill(kind)),
    list: (...inside) => seen.push(`list ${inside.join()}`),
    failed: (text) => seen.push(text),
  });
  // As a socket does it: one buffer for all reads, with more in it than is new.
  const buffer = Buffer.alloc(1 << 20, "+");
  for (const chunk of chunks) {
    buffer.set(chunk);
    expect(counter.feed(buffer, chunk.length)).toBe(true);
  }
  return { seen, isWhole: !counter.isInside };
}

function expected(indexes: readonly number[]): Seen[] {
  return indexes.flatMap((index): Seen[] => {
    const what = REPLIES[index]?.[1];
    if (what === undefined || what === "push") return [];
    if (typeof what === "string") return [ReplyKind[what]];
    return "list" in what ? [`list ${what.list.join()}`] : [what.error];
  });
}

function bytesOf(indexes: readonly number[]): Buffer {
  return Buffer.from(indexes.map((index) => REPLIES[index]?.[0] ?? "").join(""));
}

const all = REPLIES.map((_, index) => index);

describe("ReplyCounter", () => {
  it("reads runs of like replies to the last byte of a buffer that ends with them", () => {
    for (const reply of [
      "+\r\n",
      ":1\r\n",
      "+OK\r\n",
      "$1\r\nx\r\n",
      ":123\r\n",
      "$3\r\nabc\r\n",
    ]) {
      for (const times of [1, 2, 3, 50]) {
        let seen = 0;
        const counter = new ReplyCounter({
          reply: (_, some) => (seen += some),
          list: () => expect.fail("a list"),
          failed: (text) => expect.fail(text),
        });
        const bytes = new Uint8Array(Buffer.from(reply.repeat(times)));
        expect(counter.feed(bytes, bytes.length)).toBe(true);
        expect([reply, seen, counter.isInside]).toEqual([reply, times, false]);
      }
    }
  });

  it("knows every kind of reply", () => {
    expect(count([bytesOf(all)])).toEqual({ seen: expected(all), isWhole: true });
  });

  it("says the same whichever byte a read ends at", () => {
    const bytes = bytesOf(all);
    for (let at = 1; at < bytes.length; at++) {
      const { seen } = count([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(seen).toEqual(expected(all));
    }
  });

  it("says the same when each byte comes alone", () => {
    const bytes = bytesOf(all);
    expect(count(Array.from(bytes, (byte) => Uint8Array.of(byte))).seen).toEqual(expected(all));
  });

  it("says the same for any replies in any reads", () => {
    const indexes = fc.array(fc.nat({ max: REPLIES.length - 1 }), { maxLength: 40 });
    const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 });
    fc.assert(
      fc.property(indexes, cuts, (indexes, cuts) => {
        const bytes = bytesOf(indexes);
        const chunks: Uint8Array[] = [];
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const length = cuts[cut % cuts.length] ?? 1;
          chunks.push(bytes.subarray(at, at + length));
          at += length;
        }
        expect(count(chunks)).toEqual({ seen: expected(indexes), isWhole: true });
      }),
    );
  });

  it("agrees with the reader that builds replies", () => {
    const read = new ReplyReader().read(bytesOf(all)).filter(({ isPush }) => !isPush);
    const { seen } = count([bytesOf(all)]);
    expect(read.length).toBe(seen.length);
    read.forEach(({ value }, index) => {
      if (value === null) expect(seen[index]).toBe(ReplyKind.nil);
      if (typeof value === "number") expect([2, 64]).toContain(seen[index]);
      if (value instanceof ReplyError) expect(seen[index]).toBe(value.message);
      if (!Array.isArray(value) || value.length === 0) return;
      const count = (what: Reply): number => value.filter((each) => each === what).length;
      const error = value.find((each) => each instanceof ReplyError)?.message;
      expect(seen[index]).toBe(error ?? `list ${value.length},${count(null)},${count(0)}`);
    });
  });

  it.each(["HTTP/1.1 400\r\n", "$abc\r\n", "\r\n", "*1\r\nx"])("refuses %j", (text) => {
    const counter = new ReplyCounter({
      ...{ reply: () => undefined, list: () => undefined, failed: () => undefined },
    });
    expect(counter.feed(Buffer.from(text), text.length)).toBe(false);
  });

  it("keeps no more of an error than a line", () => {
    const text = `-ERR ${"x".repeat(100_000)}\r\n`;
    const { seen } = count([Buffer.from(text)]);
    expect(String(seen[0]).length).toBe(200);
  });
});

describe("ReplyReader", () => {
  it("builds the same whichever byte a read ends at", () => {
    const bytes = bytesOf(all);
    const whole = new ReplyReader().read(bytes);
    for (let at = 1; at < bytes.length; at++) {
      const reader = new ReplyReader();
      expect([...reader.read(bytes.subarray(0, at)), ...reader.read(bytes.subarray(at))]).toEqual(
        whole,
      );
    }
  });
});
