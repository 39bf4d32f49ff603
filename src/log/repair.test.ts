import { mkdtemp, readdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { batchHeader, LOG_ID, openSmallLog, readAll } from "../../test/simulation/log-fixture.ts";
import { SimCrash, SimDisk } from "../../test/simulation/sim-disk.ts";
import { type Disk } from "../core/disk.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { repairLog } from "./repair.ts";
import { verifyLog } from "./verify.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-log-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const FRAME_BYTES = 64 + 100 + 1000;
const FIELDS_BYTES = JSON.stringify({
  dataset: "ticks",
  format: "ndjson",
  onInvalid: "dead_letter",
  producer: "",
  idempotencyKey: "",
}).length;

/** Twelve entries of 1000 bytes in segments that begin at 1, 6 and 11. */
async function write(path = directory, disk: Disk = nodeDisk): Promise<string[]> {
  await using log = await openSmallLog(path, { disk });
  for (let i = 1; i <= 12; i += 1) {
    await log.append(batchHeader(), [Buffer.alloc(1000, `${i}.`)]).durable;
  }
  return readAll(log);
}

const segment = (first: number, path = directory): string =>
  join(path, `${String(first).padStart(20, "0")}.log`);

/** Damages the body of the nth frame (from 0) of a segment. */
async function damage(path: string, frame: number): Promise<void> {
  const content = await readFile(path);
  const offset = 96 + frame * (64 + FIELDS_BYTES + 1000) + 64 + FIELDS_BYTES + 500;
  content.writeUInt8(content.readUInt8(offset) ^ 1, offset);
  await writeFile(path, content);
}

async function readRepaired(required?: { logId: string; nextPosition: number }): Promise<string[]> {
  await using log = await openSmallLog(directory, {
    disk: nodeDisk,
    ...(required === undefined ? {} : { required }),
  });
  return readAll(log);
}

describe("verifying", () => {
  it("reads all of a sound log and finds nothing", async () => {
    await write();
    const { damages, entries, segments, sizeBytes, tornBytes } = await verifyLog(directory, {
      disk: nodeDisk,
    });
    expect({ damages, entries, segments, tornBytes }).toEqual({
      damages: [],
      entries: 12,
      segments: 3,
      tornBytes: 0,
    });
    expect(sizeBytes).toBeGreaterThan(12 * FRAME_BYTES);
  });

  it("lists every damaged file, and changes none", async () => {
    await write();
    await damage(segment(1), 1);
    await unlink(segment(6));
    await damage(segment(11), 0);
    const before = await readdir(directory);
    const { damages } = await verifyLog(directory, { disk: nodeDisk });
    expect(damages.map(({ path, position }) => [path, position])).toEqual([
      [segment(1), 2],
      [segment(11), 11],
    ]);
    expect(await readdir(directory)).toEqual(before);
  });
});

describe("repairing", () => {
  it("leaves a sound log alone", async () => {
    const all = await write();
    const report = await repairLog(directory, { disk: nodeDisk });
    expect(report).toMatchObject({ damages: [], setAside: [], firstPosition: 1, nextPosition: 13 });
    expect(await readRepaired()).toEqual(all);
  });

  it("cuts at the damage and keeps what it cut off", async () => {
    const all = await write();
    await damage(segment(6), 2);
    const report = await repairLog(directory, { disk: nodeDisk });
    expect(report).toMatchObject({
      damages: [{ path: segment(6), position: 8 }],
      firstPosition: 1,
      nextPosition: 8,
      lost: [{ first: 8, last: 12 }],
      lostForGood: [{ first: 8, last: 12 }],
    });
    expect(report.setAside).toHaveLength(2);
    for (const path of report.setAside) expect((await readFile(path)).length).toBeGreaterThan(1000);
    expect(await readRepaired()).toEqual(all.slice(0, 7));
  });

  it("sets aside old segments only, where a checkpoint covers the damage", async () => {
    const all = await write();
    await damage(segment(1), 2);
    const required = { logId: LOG_ID, nextPosition: 7 };
    const report = await repairLog(directory, { disk: nodeDisk, required });
    expect(report).toMatchObject({
      firstPosition: 6,
      nextPosition: 13,
      lost: [{ first: 1, last: 5 }],
      lostForGood: [],
    });
    expect(await readRepaired(required)).toEqual(all.slice(5));
  });

  it("saves the entries behind damage that a checkpoint covers", async () => {
    const all = await write();
    await damage(segment(6), 0);
    const required = { logId: LOG_ID, nextPosition: 9 };
    const report = await repairLog(directory, { disk: nodeDisk, required });
    expect(report).toMatchObject({
      firstPosition: 9,
      nextPosition: 13,
      lost: [{ first: 1, last: 8 }],
      lostForGood: [],
    });
    expect(await readRepaired(required)).toEqual(all.slice(8));
  });

  it("starts again behind the checkpoint where nothing after it can be read", async () => {
    await write();
    for (const first of [1, 6, 11]) await writeFile(segment(first), "nothing");
    const required = { logId: LOG_ID, nextPosition: 12 };
    const report = await repairLog(directory, { disk: nodeDisk, required });
    expect(report).toMatchObject({ firstPosition: 12, nextPosition: 12 });
    expect(report.setAside).toHaveLength(3);
    expect(await readRepaired(required)).toEqual([]);
  });

  it("goes on after a missing segment only with what a checkpoint allows", async () => {
    const all = await write();
    await unlink(segment(6));
    const late = { logId: LOG_ID, nextPosition: 11 };
    const early = await repairLog(directory, { disk: nodeDisk });
    expect(early).toMatchObject({ nextPosition: 6, lostForGood: [{ first: 6, last: 12 }] });
    expect(await readRepaired()).toEqual(all.slice(0, 5));
    await rm(directory, { recursive: true });
    await write();
    await unlink(segment(6));
    expect(await repairLog(directory, { disk: nodeDisk, required: late })).toMatchObject({
      firstPosition: 11,
      nextPosition: 13,
      lostForGood: [],
    });
    expect(await readRepaired(late)).toEqual(all.slice(10));
  });

  it("can be stopped at any step and run again, and loses nothing by it", async () => {
    for (const nextPosition of [7, 9]) {
      for (let step = 1; step < 40; step += 1) {
        await using disk = new SimDisk();
        const path = join(disk.root, "log");
        const all = await write(path, disk);
        await damage(segment(nextPosition === 7 ? 1 : 6, path), 0);
        await disk.syncFile(segment(nextPosition === 7 ? 1 : 6, path));
        const required = { logId: LOG_ID, nextPosition };
        disk.failAt(step, step % 2 === 0 ? "before" : "after");
        const first = await repairLog(path, { disk, required }).catch((error: unknown) => error);
        if (first instanceof SimCrash) await disk.crash(step);
        disk.disarm();
        await repairLog(path, { disk, required });
        await using log = await openSmallLog(path, { disk, required });
        expect(await readAll(log, nextPosition)).toEqual(all.slice(nextPosition - 1));
      }
    }
  });
});
