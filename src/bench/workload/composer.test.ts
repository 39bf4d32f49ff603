import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ReplyReader } from "../resp/reply-reader.ts";
import { compileWorkload } from "./compile.ts";
import { Composer } from "./composer.ts";
import { InsertCounter } from "./key-source.ts";
import { type KvOptions, kvWorkload } from "./kv.ts";
import { makeValueBytes } from "./value-bytes.ts";
import { type Workload } from "./workload.ts";

const KV: KvOptions = {
  mix: { get: 80, set: 20 },
  keyCount: 1000,
  distribution: { kind: "zipfian", theta: 0.99 },
  value: { kind: "fixed", bytes: 16 },
  hitRatio: 1,
  ttlSeconds: 0,
  batch: 3,
  prefix: "key:",
};

function compose(workload: Workload, count: number, { seed = 42, lane = 0, depth = 10 } = {}) {
  const valueBytes = makeValueBytes(workload, seed);
  const composer = new Composer({
    workload,
    operations: compileWorkload(workload, { valueBytes, isCluster: false }),
    inserts: workload.keyspaces.map(({ keyCount }) => new InsertCounter(keyCount)),
    seed,
    lane,
    lanes: 50,
    depth,
    valueBytes,
  });
  const chunks: Buffer[] = [];
  const replies: number[] = [];
  for (let done = 0; done < count; done += depth) {
    chunks.push(Buffer.from(composer.compose(Math.min(depth, count - done))));
    replies.push(...composer.replies.subarray(0, composer.replyCount));
  }
  return { bytes: Buffer.concat(chunks), replies };
}

/** A command is a RESP array, so the reader of replies reads it. */
function commandsOf(bytes: Buffer): readonly (readonly string[])[] {
  return new ReplyReader().read(bytes).map(({ value }) => value as readonly string[]);
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

const MIXED = kvWorkload({
  ...KV,
  mix: { get: 60, set: 20, mget: 5, mset: 5, incr: 5, expire: 5 },
  value: { kind: "range", fromBytes: 0, toBytes: 300 },
  hitRatio: 0.9,
  ttlSeconds: 60,
});

describe("the commands of a seed", () => {
  it.each([
    ["GET, laid out once", kvWorkload({ ...KV, mix: { get: 1 } }), "bc97e90e3286bbc2"],
    ["GET and SET", kvWorkload(KV), "dcea3b6a9306fc37"],
    ["everything, sizes that change", MIXED, "1317eb452197c676"],
  ])("are the same bytes for ever: %s", (_, workload, expected) => {
    expect(digest(compose(workload, 1000).bytes)).toBe(expected);
  });

  it("differ from connection to connection and from seed to seed", () => {
    const digests = [
      compose(MIXED, 100).bytes,
      compose(MIXED, 100, { lane: 1 }).bytes,
      compose(MIXED, 100, { seed: 43 }).bytes,
    ].map(digest);
    expect(new Set(digests).size).toBe(3);
  });

  it("are whole commands with keys that exist, of the lengths that were asked for", () => {
    const { bytes, replies } = compose(MIXED, 5000);
    const commands = commandsOf(bytes);
    expect(commands.length).toBe(5000);
    expect(replies.length).toBe(5000);
    let misses = 0;
    let lookups = 0;
    commands.forEach((command, index) => {
      const [name = "", key = "", value = ""] = command;
      expect(MIXED.operations[replies[index] ?? 99]?.name).toBe(name);
      const number = Number(/^key:(?:counter:)?(\d{12})$/.exec(key)?.[1] ?? Number.NaN);
      if (name === "GET" || name === "MGET") {
        const numbers = command.slice(1).map((each) => Number(each.slice(4)));
        expect(Math.max(...numbers)).toBeLessThan(2000);
        misses += numbers.filter((each) => each >= 1000).length;
        lookups += numbers.length;
      } else {
        expect(number).toBeLessThan(1000);
      }
      if (name === "SET") expect(value.length).toBeLessThanOrEqual(300);
      if (name === "SET") expect(command.slice(3)).toEqual(["EX", "60"]);
      if (name === "MGET") expect(command.length).toBe(4);
      if (name === "MSET") expect(command.length).toBe(7);
    });
    expect(misses / lookups).toBeCloseTo(0.1, 1);
  });

  it("leave no digit of a longer number behind", () => {
    const workload = kvWorkload({ ...KV, mix: { get: 1 }, keyCount: 1_000_000 });
    const numbers = commandsOf(compose(workload, 5000).bytes).map(([, key = ""]) =>
      Number(key.slice(4)),
    );
    expect(Math.max(...numbers)).toBeLessThan(1_000_000);
    expect(new Set(numbers.map((number) => String(number).length)).size).toBeGreaterThan(3);
  });
});

describe("operations of several steps", () => {
  const keyspace = {
    ...(kvWorkload(KV).keyspaces[0] ?? raise()),
    name: "user",
    memberCount: 5,
  };
  const workload: Workload = {
    name: "custom",
    prefix: "p:",
    keyspaces: [keyspace],
    setup: [],
    operations: [
      {
        name: "READ",
        keyspace: "user",
        weight: 1,
        steps: [["MULTI"], ["HGETALL", "{key}"], ["EXPIRE", "{samekey}", "{rand:100}"], ["EXEC"]],
        expect: 255,
        missOn: 0,
        then: "WRITE",
      },
      {
        name: "WRITE",
        keyspace: "user",
        weight: 0,
        steps: [["HSET", "{samekey}", "f:{member}", "{value}"]],
        expect: 255,
        missOn: 0,
      },
    ],
  };

  it("end with their last reply, and are followed by the write on the same key", () => {
    const { bytes, replies } = compose(workload, 40, { depth: 4 });
    const commands = commandsOf(bytes);
    for (let at = 0; at < commands.length; at += 20) {
      const reads = commands.slice(at, at + 16);
      const writes = commands.slice(at + 16, at + 20);
      expect(replies.slice(at, at + 4)).toEqual([255, 255, 255, 0]);
      expect(replies.slice(at + 16, at + 20)).toEqual([1, 1, 1, 1]);
      writes.forEach((write, slot) => {
        const key = reads[slot * 4 + 1]?.[1];
        expect(key).toMatch(/^p:user:\d{12}$/);
        expect(reads[slot * 4 + 2]?.[1]).toBe(key);
        expect(Number(reads[slot * 4 + 2]?.[2])).toBeLessThan(100);
        expect(write.slice(0, 2)).toEqual(["HSET", key]);
        expect(write[2]).toMatch(/^f:0{11}[0-4]$/);
      });
    }
  });

  it("put text, keys, counters and choices into one argument, in their order", () => {
    const step = ["SET", "{key}:{rand:5-6}", "<{value}|{counter}|{choice:S|M|long}>", "{value}"];
    const operations = [{ ...(workload.operations[1] ?? raise()), weight: 1, steps: [step] }];
    const custom = { ...workload, operations };
    const seen = new Set<string>();
    for (const lane of [0, 1]) {
      for (const [, key, value = "", last] of commandsOf(compose(custom, 200, { lane }).bytes)) {
        expect(key).toMatch(/^p:user:000000000\d{3}:[56]$/);
        expect(last).toMatch(/^[\w-]{16}$/);
        const [, counter = "", word = ""] = /^<[\w-]{16}\|(\d+)\|(S|M|long)>$/.exec(value) ?? [];
        seen.add(counter).add(word);
      }
    }
    // Two lanes count apart: 400 numbers and three words.
    expect(seen.size).toBe(403);
  });

  it("write the prefix of the run into names of their own", () => {
    const operations = [
      { ...(workload.operations[1] ?? raise()), weight: 1, steps: [["GET", "{prefix}config"]] },
    ];
    expect(commandsOf(compose({ ...workload, operations }, 1).bytes)).toEqual([
      ["GET", "p:config"],
    ]);
  });

  it.each([
    [["GET", "{rand:9-3}"], /\{rand:9-3\} is no placeholder/],
    [["GET", "{kei}"], /\{kei\} is no placeholder: did you mean "key"/],
    [["GET", "{rand}"], /\{rand\}/],
    [["MGET", "{keys:0}"], /1 to 10000/],
  ])("refuse %j", (step, message) => {
    const operations = [{ ...(workload.operations[1] ?? raise()), weight: 1, steps: [step] }];
    expect(() => compose({ ...workload, operations }, 1)).toThrow(message);
  });
});

function raise(): never {
  throw new Error("it is there");
}
