/**
 * What the simulated disk may lose, and what it must keep: a simulation is worth what its disk is.
 */
import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SimCrash, SimDisk } from "./sim-disk.ts";

const SEEDS = 200;

/** The content after the crash, or `-` where the file is gone, for many seeds. */
async function outcomes(
  prepare: (disk: SimDisk) => Promise<void>,
  ...names: string[]
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let seed = 0; seed < SEEDS; seed += 1) {
    await using disk = new SimDisk();
    await prepare(disk);
    await disk.crash(seed);
    const contents = names.map((name) => {
      const path = join(disk.root, name);
      return fs.existsSync(path) ? fs.readFileSync(path, "latin1") : "-";
    });
    found.add(contents.join("|"));
  }
  return found;
}

async function put(
  disk: SimDisk,
  name: string,
  content: string,
  isDurable: boolean,
): Promise<void> {
  await using file = await disk.open(join(disk.root, name), "create");
  await file.write([Buffer.from(content)], 0);
  if (!isDurable) return;
  await file.sync();
  await disk.syncDirectory(disk.root);
}

describe("a power loss", () => {
  it("keeps what was synced, file and name", async () => {
    expect(await outcomes((disk) => put(disk, "a", "safe", true), "a")).toEqual(new Set(["safe"]));
  });

  it("keeps nothing for sure of what was not", async () => {
    const all = await outcomes((disk) => put(disk, "a", "text", false), "a");
    expect([...all]).toEqual(expect.arrayContaining(["-", "", "text", "\0\0\0\0"]));
    expect([...all].some((content) => ["t", "te", "tex"].includes(content))).toBe(true);
  });

  it("keeps a synced file's bytes, but not its name, before the directory is synced", async () => {
    const prepare = async (disk: SimDisk): Promise<void> => {
      await using file = await disk.open(join(disk.root, "a"), "create");
      await file.write([Buffer.from("text")], 0);
      await file.sync();
    };
    expect(await outcomes(prepare, "a")).toEqual(new Set(["-", "text"]));
  });

  it("tears a large write by sectors, in any order", async () => {
    const old = "o".repeat(2048);
    const prepare = async (disk: SimDisk): Promise<void> => {
      await put(disk, "a", old, true);
      await using file = await disk.open(join(disk.root, "a"), "write");
      await file.write([Buffer.from("n".repeat(2048))], 0);
    };
    const all = await outcomes(prepare, "a");
    const isMixed = (content: string): boolean => /n.*o.*n|o.*n.*o/s.test(content);
    expect([...all]).toEqual(expect.arrayContaining([old, "n".repeat(2048)]));
    expect([...all].some(isMixed)).toBe(true);
    for (const content of all) expect(content).toMatch(/^[on\0]{2048}$/);
  });

  it("undoes renames and removals one by one, and never half of one", async () => {
    const prepare = async (disk: SimDisk): Promise<void> => {
      await put(disk, "a", "A", true);
      await put(disk, "b", "B", true);
      await put(disk, "c", "C", true);
      await disk.rename(join(disk.root, "a"), join(disk.root, "b"));
      await disk.remove(join(disk.root, "c"));
    };
    const all = await outcomes(prepare, "a", "b", "c");
    expect(all).toEqual(new Set(["A|B|C", "-|A|C", "A|B|-", "-|A|-"]));
  });

  it("keeps renames and removals once the directory is synced", async () => {
    const prepare = async (disk: SimDisk): Promise<void> => {
      await put(disk, "a", "A", true);
      await put(disk, "b", "B", true);
      await disk.rename(join(disk.root, "a"), join(disk.root, "c"));
      await disk.remove(join(disk.root, "b"));
      await disk.syncDirectory(disk.root);
    };
    expect(await outcomes(prepare, "a", "b", "c")).toEqual(new Set(["-|-|A"]));
  });

  it("treats a file that somebody else wrote as not durable before syncFile", async () => {
    const write = (disk: SimDisk): void =>
      fs.writeFileSync(join(disk.root, "parquet"), "P".repeat(1500));
    const unsynced = await outcomes(async (disk) => write(disk), "parquet");
    expect([...unsynced]).toEqual(expect.arrayContaining(["-", "", "P".repeat(1500)]));
    expect(unsynced.size).toBeGreaterThan(4);
    const synced = await outcomes(async (disk) => {
      write(disk);
      await disk.syncFile(join(disk.root, "parquet"));
      await disk.syncDirectory(disk.root);
    }, "parquet");
    expect(synced).toEqual(new Set(["P".repeat(1500)]));
  });

  it("does not trust a sync after one that failed", async () => {
    const prepare = async (disk: SimDisk): Promise<void> => {
      await put(disk, "a", "", true);
      await using file = await disk.open(join(disk.root, "a"), "write");
      await file.write([Buffer.from("text")], 0);
      disk.injectError(1, "EIO");
      await expect(file.sync()).rejects.toMatchObject({ code: "EIO" });
      await file.sync();
    };
    expect(await outcomes(prepare, "a")).toEqual(new Set(["\0\0\0\0"]));
  });

  it("keeps new directories with their names", async () => {
    const prepare = async (disk: SimDisk): Promise<void> => {
      await disk.makeDirectory(join(disk.root, "x", "y"));
      await put(disk, "x/y/a", "A", true);
      await disk.syncDirectory(join(disk.root, "x", "y"));
    };
    expect(await outcomes(prepare, "x/y/a")).toEqual(new Set(["A"]));
  });

  it("comes out the same from the same seed", async () => {
    const run = async (): Promise<string[]> => {
      const prepare = (disk: SimDisk): Promise<void> => put(disk, "a", "x".repeat(3000), false);
      return [...(await outcomes(prepare, "a"))];
    };
    expect(await run()).toEqual(await run());
  });
});

describe("crash points and errors", () => {
  it("stop before or after an operation, and everything from then on", async () => {
    for (const when of ["before", "after"] as const) {
      await using disk = new SimDisk();
      await put(disk, "a", "old", true);
      const file = await disk.open(join(disk.root, "a"), "write");
      await file.write([Buffer.from("new")], 0);
      disk.failAt(1, when);
      await expect(file.sync()).rejects.toBeInstanceOf(SimCrash);
      await expect(disk.list(disk.root)).rejects.toBeInstanceOf(SimCrash);
      expect(disk.hasCrashed).toBe(true);
      await disk.crash(1);
      // The machine runs again, the old process does not.
      await expect(file.sizeBytes()).rejects.toBeInstanceOf(SimCrash);
      expect(await disk.list(disk.root)).toEqual(["a"]);
    }
  });

  it("write half of what a full disk refuses, for as long as it is full", async () => {
    await using disk = new SimDisk();
    await using file = await disk.open(join(disk.root, "a"), "create");
    disk.injectError(1, "ENOSPC", 2);
    for (let i = 0; i < 2; i += 1) {
      await expect(file.write([Buffer.from("123456")], 0)).rejects.toMatchObject({
        code: "ENOSPC",
      });
      expect(await file.sizeBytes()).toBe(3);
    }
    await file.write([Buffer.from("123456")], 0);
    expect(await file.sizeBytes()).toBe(6);
    expect(disk.count("write")).toBe(3);
  });
});
