import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rename } from "node:fs/promises";
import { rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  batchHeader,
  describeEntry,
  LOG_ID,
  openSmallLog,
  readAll,
  SMALL_SETTINGS,
} from "../../test/simulation/log-fixture.ts";
import { SimDisk } from "../../test/simulation/sim-disk.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { type EntryHeader } from "./entry.ts";
import { type Log, openLog } from "./log.ts";
import { verifyLog } from "./verify.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-log-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const open = (options = {}): Promise<Log> =>
  openSmallLog(directory, { disk: nodeDisk, ...options });
const bytes = (text: string): readonly Uint8Array[] => [Buffer.from(text)];

async function appendAll(log: Log, bodies: readonly string[]): Promise<void> {
  await Promise.all(bodies.map((body) => log.append(batchHeader(), bytes(body)).durable));
}

/** Segment files, oldest first. */
async function segments(): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".log")).sort();
  return names.map((name) => join(directory, name));
}

async function flip(path: string, offset: number): Promise<void> {
  const content = await readFile(path);
  content.writeUInt8(content.readUInt8(offset) ^ 0x10, offset);
  await writeFile(path, content);
}

describe("appending", () => {
  it("gives dense positions at once, from 1", async () => {
    await using log = await open();
    const positions = ["a", "b", "c"].map(
      (body) => log.append(batchHeader(), bytes(body)).position,
    );
    expect(positions).toEqual([1, 2, 3]);
    expect(log.nextPosition).toBe(4);
    expect(log.durableEnd).toBe(1);
  });

  it("hands back header and body as they were given, after opening again", async () => {
    const headers: EntryHeader[] = [
      {
        kind: "batch",
        dataset: "取引\u0000\ud800",
        format: "parquet",
        onInvalid: "reject",
        receivedAtUs: -(2n ** 63n),
        producer: "p".repeat(300),
        idempotencyKey: '"\\\n',
      },
      { kind: "tick", receivedAtUs: 2n ** 63n - 1n },
      { kind: "control", receivedAtUs: 0n },
    ];
    const body = [Buffer.from("ab"), new Uint8Array(0), Buffer.alloc(9000, "x")];
    {
      await using log = await open();
      await Promise.all(headers.map((header) => log.append(header, body).durable));
    }
    await using log = await open();
    const whole = Buffer.concat(body);
    const expected = headers.map((header, i) => describeEntry(i + 1, { header, body: whole }));
    expect(await readAll(log)).toEqual(expected);
    const read: EntryHeader[] = [];
    for await (const { header } of log.read(1)) read.push(header);
    expect(read).toEqual(headers);
  });

  it("shares one write and one fdatasync among all that wait", async () => {
    await using disk = new SimDisk();
    await using log = await openSmallLog(join(disk.root, "log"), { disk });
    const before = { syncs: disk.count("sync"), writes: disk.count("write") };
    const waiting: Promise<void>[] = [log.append(batchHeader(), bytes("first")).durable];
    // The first group is under way; all of these come while its write or sync runs.
    await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 10; i += 1) waiting.push(log.append(batchHeader(), bytes("y")).durable);
    await Promise.all(waiting);
    expect(disk.count("sync") - before.syncs).toBe(2);
    expect(disk.count("write") - before.writes).toBe(2);
    expect(log.stats()).toMatchObject({ groups: 2, entries: 11, pendingBytes: 0 });
  });

  it("bounds what one group carries", async () => {
    await using log = await open();
    await appendAll(
      log,
      Array.from({ length: 10 }, () => "z".repeat(1000)),
    );
    expect(log.stats().groups).toBe(5);
  });

  it("refuses what is too large, and what the disk cannot keep up with", async () => {
    await using log = await open();
    const body = [Buffer.alloc(SMALL_SETTINGS.maxBodyBytes)];
    expect(() => log.append(batchHeader(), [...body, Buffer.alloc(1)])).toThrow(
      expect.objectContaining({ code: "KRB_LOG_TOO_LARGE" }),
    );
    const waiting = Array.from({ length: 9 }, () => log.append(batchHeader(), body).durable);
    expect(() => log.append(batchHeader(), body)).toThrow(
      expect.objectContaining({ code: "KRB_LOG_FULL_QUEUE" }),
    );
    await Promise.all(waiting);
    await log.append(batchHeader(), body).durable;
    expect(log.nextPosition).toBe(11);
  });

  it("finishes what was appended before it closes, and takes nothing afterwards", async () => {
    const log = await open();
    const { durable } = log.append(batchHeader(), bytes("last"));
    await log[Symbol.asyncDispose]();
    await durable;
    expect(() => log.append(batchHeader(), bytes("late"))).toThrow(
      expect.objectContaining({ code: "KRB_CORE_CLOSED" }),
    );
  });
});

describe("a disk that fails", () => {
  it("undoes a write that did not fit, rejects what waited behind it, and goes on", async () => {
    await using disk = new SimDisk();
    await using log = await openSmallLog(join(disk.root, "log"), { disk });
    await appendAll(log, ["kept"]);
    disk.injectError(1, "ENOSPC");
    const refused = ["a", "b", "c"].map((body) => log.append(batchHeader(), bytes(body)));
    expect(refused.map(({ position }) => position)).toEqual([2, 3, 4]);
    for (const { durable } of refused) {
      await expect(durable).rejects.toMatchObject({ code: "KRB_LOG_DISK_FULL" });
    }
    const { position, durable } = log.append(batchHeader(), bytes("d"));
    await durable;
    expect(position).toBe(2);
    expect((await readAll(log)).map((line) => line.at(-1))).toEqual(["t", "d"]);
  });

  it("stops after a failed fdatasync until it is opened again", async () => {
    await using disk = new SimDisk();
    await using log = await openSmallLog(join(disk.root, "log"), { disk });
    await appendAll(log, ["kept"]);
    disk.injectError(2, "EIO");
    const { durable } = log.append(batchHeader(), bytes("lost"));
    await expect(durable).rejects.toMatchObject({ code: "KRB_LOG_STOPPED" });
    expect(() => log.append(batchHeader(), bytes("more"))).toThrow(
      expect.objectContaining({ code: "KRB_LOG_STOPPED" }),
    );
    expect(await readAll(log)).toHaveLength(1);
    await log[Symbol.asyncDispose]();
    await using again = await openSmallLog(join(disk.root, "log"), { disk });
    expect(again.nextPosition).toBe(2);
  });

  it("keeps a segment whose name was not durable yet when the last process died", async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      await using disk = new SimDisk();
      const path = join(disk.root, "log");
      const log = await openSmallLog(path, { disk });
      await appendAll(log, ["one"]);
      // Prepared (create, write, sync) and renamed; the directory sync is what fails.
      disk.injectError(5, "EIO");
      await expect(log.roll()).rejects.toMatchObject({ code: "KRB_LOG_STOPPED" });
      await log[Symbol.asyncDispose]();
      const again = await openSmallLog(path, { disk });
      await appendAll(again, ["two"]);
      const written = await readAll(again);
      await disk.crash(seed);
      await using later = await openSmallLog(path, { disk });
      expect(await readAll(later)).toEqual(written);
    }
  });
});

describe("segments", () => {
  it("roll by size, by age and when told, and read as one", async () => {
    let nowUs = 0n;
    const clock = { nowUs: () => nowUs, monotonicMs: () => 0 };
    const bodies = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(1000, "."));
    {
      await using log = await open({ clock });
      for (const body of bodies) await appendAll(log, [body]);
      expect(log.stats().segments).toBe(6);
      await log.roll();
      await log.roll();
      expect(log.stats().segments).toBe(7);
      await appendAll(log, ["told"]);
      nowUs = 3_600_000_000n;
      await appendAll(log, ["old"]);
      expect(log.stats().segments).toBe(8);
    }
    await using log = await open();
    expect(await readAll(log)).toHaveLength(32);
    expect(await readAll(log, 15)).toEqual((await readAll(log)).slice(14));
    expect(await readAll(log, 33)).toEqual([]);
  });

  it("that are old are finished without an append, when they have entries", async () => {
    let nowUs = 0n;
    await using log = await open({ clock: { nowUs: () => nowUs, monotonicMs: () => 0 } });
    await log.rollIfOld();
    await appendAll(log, ["one"]);
    await log.rollIfOld();
    expect(log.stats().segments).toBe(1);
    nowUs = 3_600_000_000n;
    await log.rollIfOld();
    nowUs = 9_000_000_000n;
    await log.rollIfOld();
    expect(log.stats().segments).toBe(2);
  });

  it("are removed only when all of their entries are below the position", async () => {
    await using log = await open();
    for (let i = 0; i < 12; i += 1) await appendAll(log, [`${i}`.padEnd(1000, ".")]);
    const all = await readAll(log);
    expect((await segments()).map((path) => Number(path.slice(-6, -4)))).toEqual([1, 6, 11]);
    await log.retainFrom(6);
    expect(log.firstPosition).toBe(6);
    await log.retainFrom(10);
    expect(log.firstPosition).toBe(6);
    expect(await readAll(log)).toEqual(all.slice(5));
    await expect(readAll(log, 5)).rejects.toMatchObject({ code: "KRB_LOG_REMOVED" });
    await log.retainFrom(1_000_000);
    expect(log.firstPosition).toBe(11);
    expect(await segments()).toHaveLength(1);
  });

  it("read what was durable when the reading began, while more is appended", async () => {
    await using log = await open();
    await appendAll(log, ["a", "b"]);
    const seen: number[] = [];
    for await (const { position } of log.read(1)) {
      seen.push(position);
      await appendAll(log, ["more".padEnd(3000, ".")]);
    }
    expect(seen).toEqual([1, 2]);
  });
});

describe("opening", () => {
  const write = async (count: number, sizeBytes = 1000): Promise<void> => {
    await using log = await open();
    for (let i = 0; i < count; i += 1) await appendAll(log, [`${i}`.padEnd(sizeBytes, ".")]);
  };
  const opensWith = (reason: RegExp, options = {}): Promise<void> =>
    expect(open(options)).rejects.toMatchObject({
      code: "KRB_LOG_DAMAGED",
      message: expect.stringMatching(reason),
      hint: expect.stringContaining("kurobe log repair"),
    });

  it("cuts a tail of zeros or of anything else, says so, and goes on behind it", async () => {
    for (const [i, tail] of [Buffer.alloc(700), Buffer.from("KFRM garbage")].entries()) {
      await write(1);
      const [path = ""] = await segments();
      await appendFile(path, tail);
      await using log = await open();
      expect(log.cutTail).toMatchObject({ path, cutBytes: tail.length });
      expect(log.nextPosition).toBe(2 + i);
    }
  });

  it("tells a torn group from damage by what the frames after it say", async () => {
    await using disk = new SimDisk();
    const path = join(disk.root, "log");
    const log = await openSmallLog(path, { disk });
    await appendAll(log, ["acknowledged"]);
    const [name = ""] = await disk.list(path);
    const goodBytes = await disk.sizeBytes(join(path, name));
    await appendAll(log, ["torn", "whole", "whole too"]);
    // Two entries of one group, the first of them bad: as when its sector never arrived.
    await flip(join(path, name), goodBytes + 70);
    await using again = await openSmallLog(path, { disk });
    expect(again.nextPosition).toBe(2);
    expect(again.cutTail?.offset).toBe(goodBytes);
  });

  it("refuses a bad frame that later frames prove to have been acknowledged", async () => {
    await write(3, 100);
    const [path = ""] = await segments();
    await flip(path, 96 + 64 + 150);
    await opensWith(/damaged at byte 96 \(entry 1\)/);
    // Looking changed nothing.
    await opensWith(/damaged at byte 96 \(entry 1\)/);
  });

  it("refuses damage in the last entry as well after an orderly close", async () => {
    await write(1, 100);
    const [path = ""] = await segments();
    await flip(path, 96 + 64 + 150);
    await opensWith(/damaged at byte 96/);
  });

  it("finds damage in an older segment when that is read", async () => {
    await write(12);
    const [oldest = ""] = await segments();
    await flip(oldest, 3000);
    await using log = await open();
    await expect(readAll(log)).rejects.toMatchObject({
      code: "KRB_LOG_DAMAGED",
      details: { path: oldest, position: 3 },
    });
    expect(await readAll(log, 6)).toHaveLength(7);
  });

  it("notices a segment that is missing, cut, renamed, doubled or of another log", async () => {
    await write(12);
    const [first = "", second = "", third = ""] = await segments();
    const content = await readFile(second);
    await unlink(second);
    await opensWith(/a file is missing/);
    await writeFile(second, content.subarray(0, -1));
    await opensWith(/bytes, but had/);
    await writeFile(second, content);
    await copyFile(second, join(directory, "00000000000000000008.log"));
    await opensWith(/its name says position 8, its header 6/);
    await unlink(join(directory, "00000000000000000008.log"));
    await copyFile(second, join(directory, "copy.log"));
    await opensWith(/no segment has such a name/);
    await unlink(join(directory, "copy.log"));
    await rename(third, `${third}.x`);
    await rename(second, third);
    await rename(`${third}.x`, second);
    await opensWith(/its name says/);
    await rename(second, `${third}.x`);
    await rename(third, second);
    await rename(`${third}.x`, third);
    const other = join(directory, "other");
    await mkdir(other);
    {
      await using log = await openLog(other, { disk: nodeDisk, settings: SMALL_SETTINGS });
      for (let i = 0; i < 12; i += 1) await appendAll(log, [`${i}`.padEnd(1000, ".")]);
    }
    await copyFile(join(other, second.slice(-24)), second);
    await opensWith(/it belongs to another log/);
    await writeFile(second, content);
    await rm(first);
    await using log = await open();
    expect(log.firstPosition).toBe(6);
  });

  it("notices bytes of another history of the same log, though each frame is whole", async () => {
    const clock = { nowUs: () => 7n, monotonicMs: () => 0 };
    const history = async (name: string, bodies: readonly string[]): Promise<string[]> => {
      const path = join(directory, name);
      await using log = await openSmallLog(path, { disk: nodeDisk, clock });
      for (const body of bodies) await appendAll(log, [body]);
      await log.roll();
      await appendAll(log, ["end"]);
      return [path, ...(await readdir(path)).map((file) => join(path, file))];
    };
    const [path = "", first = ""] = await history("a", ["aaaa", "bbbb"]);
    const [, otherFirst = ""] = await history("b", ["xxxx", "yyyy"]);
    const content = await readFile(first);
    const other = await readFile(otherFirst);
    const second = 96 + (content.length - 96) / 2;
    const mixed = Buffer.concat([content.subarray(0, second), other.subarray(second)]);
    for (const [bytesNow, reason] of [
      [mixed, /does not follow the one before it/],
      [other, /not the one that the next segment follows/],
    ] as const) {
      await writeFile(first, bytesNow);
      await using log = await openSmallLog(path, { disk: nodeDisk, clock });
      await expect(readAll(log)).rejects.toMatchObject({
        code: "KRB_LOG_DAMAGED",
        message: expect.stringMatching(reason),
      });
      expect((await verifyLog(path, { disk: nodeDisk })).damages).toHaveLength(1);
    }
  });

  it("refuses a log that is not the one of the checkpoint, or ends before it", async () => {
    const required = { logId: LOG_ID, nextPosition: 3 };
    await opensWith(/there is no log/, { required });
    await write(2, 50);
    await opensWith(/belongs to log/, { required: { ...required, logId: "f".repeat(32) } });
    await opensWith(/the log ends here/, { required: { ...required, nextPosition: 4 } });
    await using log = await open({ required });
    expect(log.nextPosition).toBe(3);
  });

  it("refuses a format that it does not know", async () => {
    await write(1);
    const [path = ""] = await segments();
    const { checksum } = await import("./checksum.ts");
    const content = await readFile(path);
    content.writeUInt32LE(2, 8);
    content.writeUInt32LE(checksum([content.subarray(0, 92)]), 92);
    await writeFile(path, content);
    await expect(open()).rejects.toMatchObject({ code: "KRB_LOG_UNSUPPORTED" });
    await truncate(path, 50);
    await opensWith(/shorter than a segment header/);
  });

  it("starts a new log where it is told to", async () => {
    await using log = await open({ startPosition: 500 });
    expect([log.firstPosition, log.nextPosition, log.logId]).toEqual([500, 500, LOG_ID]);
  });
});

it("says so with a code when the directory cannot be used", async () => {
  await writeFile(join(directory, "file"), "");
  const path = join(directory, "file", "log");
  await expect(openLog(path, { disk: nodeDisk })).rejects.toMatchObject({ code: "KRB_LOG_ACCESS" });
});
