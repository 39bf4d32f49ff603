import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DAY_US, manifestOf, StorageFixture, TICKS } from "../../test/support/storage-fixture.ts";
import { writeChunks } from "./chunk-writer.ts";
import { type Manifest, replaceFile } from "./manifest.ts";
import { findOrphans, type VerifiedFile, verifyManifest, type VerifyOptions } from "./verify.ts";

let fixture: StorageFixture;
beforeEach(async () => {
  fixture = await StorageFixture.open();
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

async function threeDays(): Promise<Manifest> {
  const rows = [0n, 1n, 2n].map((day) => ({ at: day * DAY_US, symbol: "A", price: 1 }));
  const chunks = await writeChunks(fixture.target, await fixture.source(rows, TICKS));
  return manifestOf(1, await fixture.writeState(1), chunks);
}

async function verify(manifest: Manifest, options?: VerifyOptions): Promise<VerifiedFile[]> {
  const found: VerifiedFile[] = [];
  for await (const file of verifyManifest(fixture.disk, fixture.directory, manifest, options)) {
    found.push(file);
  }
  return found;
}

async function change(path: string, make: (bytes: Buffer) => Buffer): Promise<void> {
  const file = join(fixture.directory, path);
  await replaceFile(fixture.disk, file, make(Buffer.from(await fixture.disk.readFile(file))));
}

test("whole files have no problem, and progress counts all of them", async () => {
  const found = await verify(await threeDays(), { connection: fixture.connection });
  expect(found.map((one) => one.problem)).toEqual([null, null, null, null]);
  expect(found.map((one) => `${one.done}/${one.total}`)).toEqual(["1/4", "2/4", "3/4", "4/4"]);
  expect(found.map((one) => one.partition)).toEqual([
    null,
    "1970-01-01",
    "1970-01-02",
    "1970-01-03",
  ]);
});

test("every bit of every file counts", async () => {
  const manifest = await threeDays();
  for (const { path, bytes } of [manifest.state, ...manifest.chunks]) {
    for (const at of [0, Math.floor(bytes / 2), bytes - 1]) {
      const flip = (content: Buffer): Buffer => {
        content.writeUInt8(content.readUInt8(at) ^ 1, at);
        return content;
      };
      await change(path, flip);
      const damaged = (await verify(manifest)).filter((one) => one.problem !== null);
      expect(damaged.map((one) => one.path)).toEqual([path]);
      expect(damaged[0]?.problem).toContain("SHA-256");
      await change(path, flip);
    }
  }
});

test("cut, longer and missing files are told apart, each with what it belongs to", async () => {
  const manifest = await threeDays();
  const [first, second, third] = manifest.chunks.map((one) => one.path);
  await change(first ?? "", (bytes) => bytes.subarray(0, -1));
  await change(second ?? "", (bytes) => Buffer.concat([bytes, Buffer.from("x")]));
  await fixture.disk.remove(join(fixture.directory, third ?? ""));
  const [state, ...chunks] = await verify(manifest);
  expect(state?.problem).toBeNull();
  expect(chunks.map((one) => one.problem)).toEqual([
    expect.stringMatching(/bytes, the manifest says/),
    expect.stringMatching(/bytes, the manifest says/),
    expect.stringContaining("ENOENT"),
  ]);
  expect(new Set(chunks.map((one) => one.dataset))).toEqual(new Set(["ticks"]));
});

test("a manifest that counts rows wrongly is found out by the files' own count", async () => {
  const manifest = await threeDays();
  const wrong = { ...manifest, chunks: manifest.chunks.map((one) => ({ ...one, rows: 2 })) };
  const found = await verify(wrong, { connection: fixture.connection });
  expect(found.at(-1)?.problem).toBe("it has 1 rows, the manifest says 2");
});

test("orphans are files that no kept manifest names", async () => {
  const manifest = await threeDays();
  const rows = [{ at: 9n * DAY_US, symbol: "A", price: 1 }];
  const [orphan] = await writeChunks(fixture.target, await fixture.source(rows, TICKS));
  expect(await findOrphans(fixture.disk, fixture.directory, [manifest])).toEqual([orphan?.path]);
});
