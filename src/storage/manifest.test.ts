import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Disk } from "../core/disk.ts";
import { SimCrash } from "../../test/simulation/sim-disk.ts";
import { chunkRecord, manifestOf, StorageFixture } from "../../test/support/storage-fixture.ts";
import { decodeManifest, encodeManifest } from "./manifest-format.ts";
import {
  type ChunkRecord,
  type Manifest,
  manifestNumbers,
  readCurrentManifest,
  replaceFile,
  sha256Of,
  writeManifest,
} from "./manifest.ts";

let fixture: StorageFixture;
beforeEach(async () => {
  fixture = await StorageFixture.open();
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

async function write(number: number, chunks: readonly ChunkRecord[] = []): Promise<Manifest> {
  const manifest = manifestOf(number, await fixture.writeState(number), chunks);
  await writeManifest(fixture.disk, fixture.directory, manifest);
  return manifest;
}

const read = (disk: Disk = fixture.disk): ReturnType<typeof readCurrentManifest> =>
  readCurrentManifest(disk, fixture.directory);

const pathOf = (number: number): string =>
  join(fixture.directory, "manifest", `${String(number).padStart(10, "0")}.json`);

async function damage(path: string): Promise<void> {
  const bytes = Buffer.from(await fixture.disk.readFile(path));
  const at = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
  await replaceFile(fixture.disk, path, bytes);
}

describe("reading the current manifest", () => {
  test("gives null for a new directory", async () => {
    expect(await read()).toBeNull();
  });

  test("gives back what was written, chunks of several schemas too", async () => {
    const other = [{ name: "at", type: "TIMESTAMP" }];
    const chunks = [chunkRecord(1), chunkRecord(2, { columns: other }), chunkRecord(7)];
    const manifest = await write(1, chunks);
    expect(await read()).toEqual({ manifest, skipped: [] });
  });

  test("gives the newest, without a word about the others", async () => {
    for (let number = 1; number <= 3; number++) await write(number);
    expect(await read()).toMatchObject({ manifest: { number: 3 }, skipped: [] });
  });

  test.each([
    ["a damaged manifest", () => damage(pathOf(3)), /manifest 3: /],
    ["a lost manifest", () => fixture.disk.remove(pathOf(3)), /manifest 3: CURRENT names it/],
    [
      "damaged state",
      () => damage(join(fixture.directory, "state/0000000003.json")),
      /manifest 3: the checksum of state/,
    ],
    [
      "lost state",
      () => fixture.disk.remove(join(fixture.directory, "state/0000000003.json")),
      /manifest 3: state\/0000000003.json is missing/,
    ],
  ])("falls back on the one before for %s, and says so", async (_, harm, reason) => {
    for (let number = 1; number <= 3; number++) await write(number);
    await harm();
    const found = await read();
    expect(found?.manifest.number).toBe(2);
    expect(found?.skipped).toEqual([expect.stringMatching(reason)]);
  });

  test("needs no CURRENT, but says that it is missing or damaged", async () => {
    for (let number = 1; number <= 2; number++) await write(number);
    const current = join(fixture.directory, "CURRENT");
    await replaceFile(fixture.disk, current, Buffer.from("2 not a hash\n"));
    expect(await read()).toMatchObject({
      manifest: { number: 2 },
      skipped: ["CURRENT: it names no manifest"],
    });
    await fixture.disk.remove(current);
    expect(await read()).toMatchObject({
      manifest: { number: 2 },
      skipped: ["CURRENT is missing"],
    });
  });

  test("refuses to start over where manifests were written and none can be read", async () => {
    await write(1);
    await damage(pathOf(1));
    await expect(read()).rejects.toMatchObject({ code: "KRB_STORAGE_NO_MANIFEST" });
    await fixture.disk.remove(pathOf(1));
    await expect(read()).rejects.toMatchObject({ code: "KRB_STORAGE_NO_MANIFEST" });
  });

  test("does not fall back for what may be different in a minute", async () => {
    await write(1);
    await write(2);
    const busy: Disk = {
      ...methodsOf(fixture.disk),
      readFile: async (path) => {
        if (path !== pathOf(2)) return fixture.disk.readFile(path);
        throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
      },
    };
    await expect(read(busy)).rejects.toMatchObject({ code: "KRB_STORAGE_DISK" });
  });

  test("refuses a newer format instead of taking it for damage", async () => {
    await write(1);
    const body = Buffer.from("anything that a later version may write");
    const sum = sha256Of(Buffer.concat([Buffer.from("2\n"), body]));
    const bytes = Buffer.concat([Buffer.from(`kurobe manifest 2 ${sum}\n`), body]);
    await replaceFile(fixture.disk, pathOf(2), bytes);
    await expect(read()).rejects.toMatchObject({ code: "KRB_STORAGE_FORMAT" });
  });

  test("takes no manifest under another's number", async () => {
    await write(1);
    await replaceFile(fixture.disk, pathOf(9), await fixture.disk.readFile(pathOf(1)));
    expect(await read()).toMatchObject({
      manifest: { number: 1 },
      skipped: ["manifest 9: it says that it is manifest 1"],
    });
  });
});

test("what was skipped once cannot win later: writing sets higher numbers aside", async () => {
  for (let number = 1; number <= 3; number++) await write(number);
  await damage(pathOf(3));
  await damage(pathOf(2));
  expect((await read())?.manifest.number).toBe(1);
  await write(2);
  expect(await manifestNumbers(fixture.disk, fixture.directory)).toEqual([1, 2]);
  expect(await read()).toMatchObject({ manifest: { number: 2 }, skipped: [] });
  expect(await fixture.disk.list(join(fixture.directory, "manifest"))).toContain(
    "0000000003.json.set-aside",
  );
});

test("a failed write names the disk, and leaves the last manifest and no temporary file", async () => {
  await write(1);
  const state = await fixture.writeState(2);
  for (let step = 1; step <= 4; step++) {
    fixture.disk.injectError(step, "ENOSPC");
    const writing = writeManifest(fixture.disk, fixture.directory, manifestOf(2, state));
    await expect(writing).rejects.toThrow(/full|simulated/);
    fixture.disk.disarm();
    expect((await read())?.manifest.number).toBe(1);
    expect(await fixture.disk.list(join(fixture.directory, "manifest"))).toEqual([
      "0000000001.json",
    ]);
  }
});

describe("a power loss at any step", () => {
  /** State and manifest number 2, with 1 in force; the operations it takes. */
  const writeSecond = async (): Promise<void> => {
    await write(2);
  };

  test("leaves the old manifest or the new one, and the new one once it was reported", async () => {
    await write(1);
    const before = fixture.disk.operations;
    await writeSecond();
    const steps = fixture.disk.operations - before;
    expect(steps).toBeGreaterThan(8);
    for (let step = 1; step <= steps + 1; step++) {
      for (const when of ["before", "after"] as const) {
        for (let seed = 0; seed < 4; seed++) await crashAt(step, when, seed);
      }
    }
  });

  async function crashAt(step: number, when: "before" | "after", seed: number): Promise<void> {
    await fixture[Symbol.asyncDispose]();
    fixture = await StorageFixture.open();
    await write(1);
    fixture.disk.failAt(step, when);
    let isReported = false;
    try {
      await writeSecond();
      isReported = true;
    } catch (error) {
      expect(error).toBeInstanceOf(SimCrash);
    }
    await fixture.disk.crash(seed);
    const found = await read();
    expect(found?.skipped, `step ${step} ${when}`).toEqual([]);
    expect(isReported ? [2] : [1, 2]).toContain(found?.manifest.number);
    const pointer = await fixture.disk.readFile(join(fixture.directory, "CURRENT"));
    if (isReported) expect(Buffer.from(pointer).toString()).toMatch(/^2 /);
    // And from there it goes on.
    await write((found?.manifest.number ?? 0) + 1);
    expect((await read())?.manifest.number).toBe((found?.manifest.number ?? 0) + 1);
  }
});

describe("bytes of a manifest", () => {
  const state = { path: "state/0000000005.json", bytes: 7, sha256: "a".repeat(64) };
  const whole = manifestOf(5, state, [chunkRecord(1)]);
  const bytes = encodeManifest(whole);

  test("are refused with any one bit flipped", () => {
    const copy = Buffer.from(bytes);
    const accepted: string[] = [];
    for (let at = 0; at < copy.length; at++) {
      for (let bit = 1; bit < 256; bit <<= 1) {
        copy.writeUInt8(copy.readUInt8(at) ^ bit, at);
        if (typeof decodeManifest(copy, 5) !== "string") accepted.push(`${at} ${bit}`);
        copy.writeUInt8(copy.readUInt8(at) ^ bit, at);
      }
    }
    expect(accepted).toEqual([]);
    expect(decodeManifest(copy, 5)).toEqual(whole);
  });

  test("are refused cut short anywhere, and with anything after them", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeManifest(bytes.subarray(0, length), 5)).toBeTypeOf("string");
    }
    expect(decodeManifest(Buffer.concat([bytes, Buffer.from("\n")]), 5)).toBeTypeOf("string");
    expect(decodeManifest(Buffer.alloc(bytes.length), 5)).toBeTypeOf("string");
  });

  test.each([
    "../../etc/passwd",
    "/etc/passwd",
    "chunks/ticks/../../../x.parquet",
    "chunks/ticks/2026-01-01/..",
    "chunks/ticks/2026-01-01/0000000002.parquet",
    "chunks/other/2026-01-01/0000000001.parquet",
    "chunks\\ticks\\2026-01-01\\0000000001.parquet",
    "chunks/ticks/2026-01-01/0000000001.parquet\0",
    "chunks//ticks/2026-01-01/0000000001.parquet",
    "C:/chunks/ticks/2026-01-01/0000000001.parquet",
    "https://example.com/0000000001.parquet",
    "chunks/ticks/*/0000000001.parquet",
    "",
  ])("are refused where a chunk is said to lie at %j", (path) => {
    expect(
      decodeManifest(encodeManifest({ ...whole, chunks: [chunkRecord(1, { path })] }), 5),
    ).toMatch(/lies elsewhere|path of chunk/);
  });

  test.each<[string, Partial<ChunkRecord>]>([
    ["a dataset that leads out", { dataset: ".." }],
    ["a partition that leads out", { partition: "../.." }],
    ["a negative number of rows", { rows: -1 }],
    ["half a row", { rows: 1.5 }],
    ["a time that is none", { minEventTimeUs: "1e9" }],
    ["an end before its start", { minEventTimeUs: "2", maxEventTimeUs: "1" }],
    ["a hash that is none", { sha256: "A".repeat(64) }],
    ["a column without a name", { columns: [{ type: "BIGINT" } as never] }],
  ])("are refused for a chunk with %s", (_, wrong) => {
    const manifest = { ...whole, chunks: [chunkRecord(1, wrong)] };
    expect(decodeManifest(encodeManifest(manifest), 5)).toBeTypeOf("string");
  });

  test.each<[string, Partial<Manifest>]>([
    ["state outside of its folder", { state: { ...state, path: "chunks/x.json" } }],
    ["state outside of the directory", { state: { ...state, path: "state/../../x" } }],
    ["two chunks of one number", { chunks: [chunkRecord(1), chunkRecord(1)] }],
    ["a chunk number that is still to be given", { nextChunkId: 1 }],
    ["no plan", { plan: null as never }],
    ["no position", { position: undefined as never }],
  ])("are refused with %s", (_, wrong) => {
    expect(decodeManifest(encodeManifest({ ...whole, ...wrong }), 5)).toBeTypeOf("string");
  });

  test("are refused when they are no JSON under a right checksum", () => {
    const body = Buffer.from("{");
    const sum = sha256Of(Buffer.concat([Buffer.from("1\n"), body]));
    const file = Buffer.concat([Buffer.from(`kurobe manifest 1 ${sum}\n`), body]);
    expect(decodeManifest(file, 5)).toBe("its content is not what it should be");
  });
});

/** Class methods are not copied by a spread. */
function methodsOf(disk: Disk): Disk {
  return {
    open: (path, mode) => disk.open(path, mode),
    readFile: (path) => disk.readFile(path),
    createExclusive: (path, bytes) => disk.createExclusive(path, bytes),
    list: (directory) => disk.list(directory),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncFile: (path) => disk.syncFile(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    sizeBytes: (path) => disk.sizeBytes(path),
    freeBytes: (path) => disk.freeBytes(path),
  };
}
