import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SimDisk } from "../../test/simulation/sim-disk.ts";
import { type Disk } from "./disk.ts";
import { nodeDisk } from "./node-disk.ts";

interface Subject extends AsyncDisposable {
  readonly disk: Disk;
  readonly root: string;
}

async function openNodeDisk(): Promise<Subject> {
  const root = await mkdtemp(join(tmpdir(), "kurobe-disk-"));
  const dispose = (): Promise<void> => rm(root, { recursive: true });
  return { disk: nodeDisk, root, [Symbol.asyncDispose]: dispose };
}

async function openSimDisk(): Promise<Subject> {
  const disk = new SimDisk();
  return { disk, root: disk.root, [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose]() };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const bytes = (...parts: string[]): Uint8Array[] => parts.map((part) => Buffer.from(part));

for (const [name, openSubject] of [
  ["the real disk", openNodeDisk],
  ["the simulated disk", openSimDisk],
] as const) {
  describe(`${name} keeps the contract of Disk`, () => {
    it("writes many buffers as one, anywhere in a file, and reads them back", async () => {
      await using subject = await openSubject();
      const { disk, root } = subject;
      const path = join(root, "file");
      await using file = await disk.open(path, "create");
      await file.write(bytes("abc", "", "def"), 0);
      await file.write(bytes("Z"), 8);
      await file.sync();
      expect(text(await disk.readFile(path))).toBe("abcdef\0\0Z");
      const into = new Uint8Array(5);
      expect(await file.read(into, 6)).toBe(3);
      expect(text(into.subarray(0, 3))).toBe("\0\0Z");
      await file.truncate(2);
      expect([await file.sizeBytes(), await disk.sizeBytes(path)]).toEqual([2, 2]);
    });

    it("writes thousands of buffers at once", async () => {
      await using subject = await openSubject();
      const path = join(subject.root, "file");
      const parts = Array.from({ length: 5000 }, (_, i) => `${i},`);
      await using file = await subject.disk.open(path, "create");
      await file.write(bytes(...parts), 0);
      expect(text(await subject.disk.readFile(path))).toBe(parts.join(""));
    });

    it("opens what exists, empties what is created again, and says ENOENT otherwise", async () => {
      await using subject = await openSubject();
      const { disk, root } = subject;
      const path = join(root, "file");
      const missing = { code: "ENOENT" };
      await expect(disk.open(path, "read")).rejects.toMatchObject(missing);
      await expect(disk.open(path, "write")).rejects.toMatchObject(missing);
      await expect(disk.readFile(path)).rejects.toMatchObject(missing);
      await expect(disk.remove(path)).rejects.toMatchObject(missing);
      await expect(disk.sizeBytes(path)).rejects.toMatchObject(missing);
      await expect(disk.syncFile(path)).rejects.toMatchObject(missing);
      await expect(disk.rename(path, `${path}2`)).rejects.toMatchObject(missing);
      for (const content of ["long content", "short"]) {
        await using file = await disk.open(path, "create");
        await file.write(bytes(content), 0);
      }
      await using file = await disk.open(path, "write");
      await file.write(bytes("S"), 0);
      expect(text(await disk.readFile(path))).toBe("Short");
    });

    it("lists names in order, none where there is no directory, and renames over a file", async () => {
      await using subject = await openSubject();
      const { disk, root } = subject;
      const directory = join(root, "a", "b");
      expect(await disk.list(directory)).toEqual([]);
      await disk.makeDirectory(directory);
      await disk.makeDirectory(directory);
      for (const file of ["y", "x"]) {
        expect(await disk.createExclusive(join(directory, file), Buffer.from(file))).toBe(true);
      }
      expect(await disk.createExclusive(join(directory, "x"), Buffer.from("2"))).toBe(false);
      expect(await disk.list(directory)).toEqual(["x", "y"]);
      await disk.rename(join(directory, "x"), join(directory, "y"));
      await disk.syncDirectory(directory);
      await disk.syncFile(join(directory, "y"));
      expect(await disk.list(directory)).toEqual(["y"]);
      expect(text(await disk.readFile(join(directory, "y")))).toBe("x");
    });

    it("lets exactly one of many create a file", async () => {
      await using subject = await openSubject();
      const path = join(subject.root, "one");
      const tries = Array.from({ length: 10 }, (_, i) =>
        subject.disk.createExclusive(path, Buffer.from(`winner ${i}`)),
      );
      const won = (await Promise.all(tries)).flatMap((isOurs, i) => (isOurs ? [i] : []));
      expect(won).toHaveLength(1);
      expect(text(await subject.disk.readFile(path))).toBe(`winner ${won[0]}`);
      expect(await subject.disk.list(subject.root)).toEqual(["one"]);
    });
  });
}
