/**
 * Every byte of a small log, flipped and cut off: noticed, or cut as an interrupted write would be.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { batchHeader, LOG_ID, openSmallLog, readAll } from "../../test/simulation/log-fixture.ts";
import { SimDisk } from "../../test/simulation/sim-disk.ts";
import { isKurobeError } from "../core/errors.ts";
import { type EntryHeader } from "./entry.ts";

const TICK: EntryHeader = { kind: "tick", receivedAtUs: 5n };
/** The log directory's files. */
type Files = ReadonlyMap<string, Buffer>;

interface Sample {
  readonly files: Files;
  readonly entries: readonly string[];
  /** Entries of the groups before the last: nothing may ever cut those. */
  readonly settled: number;
}

/** Two groups of two entries; `orderly`, or as a killed process leaves it. */
async function writeSample(isOrderly: boolean): Promise<Sample> {
  await using disk = new SimDisk();
  const log = await openSmallLog(disk.root, { disk });
  for (const body of ["first", "second"]) {
    const parts = [Buffer.from(body)];
    await Promise.all([log.append(batchHeader(), parts), log.append(TICK, parts)].map(durable));
  }
  const entries = await readAll(log);
  const killed = await filesOf(disk);
  await log[Symbol.asyncDispose]();
  const files = isOrderly ? await filesOf(disk) : killed;
  return { files, entries, settled: isOrderly ? 4 : 2 };
}

async function filesOf(disk: SimDisk): Promise<Files> {
  const files = new Map<string, Buffer>();
  for (const name of await disk.list(disk.root)) {
    files.set(name, Buffer.from(await disk.readFile(join(disk.root, name))));
  }
  return files;
}

function durable(appended: { readonly durable: Promise<void> }): Promise<void> {
  return appended.durable;
}

interface Outcome {
  readonly kind: "refused" | "opened";
  readonly entries: readonly string[];
  readonly cutBytes: number;
}

/** Opens and reads a copy in which one file has this content. */
async function openDamaged(
  files: Files,
  name: string,
  content: Uint8Array,
  nextPosition = 0,
): Promise<Outcome> {
  await using disk = new SimDisk();
  for (const [other, bytes] of new Map<string, Uint8Array>([...files, [name, content]])) {
    await writeFile(join(disk.root, other), bytes);
  }
  const required = { logId: LOG_ID, nextPosition };
  try {
    await using log = await openSmallLog(disk.root, { disk, required });
    const entries = await readAll(log);
    return { kind: "opened", entries, cutBytes: log.cutTail?.cutBytes ?? 0 };
  } catch (error) {
    if (!isKurobeError(error, "KRB_LOG_DAMAGED")) throw error;
    return { kind: "refused", entries: [], cutBytes: 0 };
  }
}

function oldestOf(files: Files): { readonly name: string; readonly content: Buffer } {
  const [name = "", content = Buffer.alloc(0)] = [...files][0] ?? [];
  return { name, content };
}

function flipped(content: Buffer, offset: number): Buffer {
  const copy = Buffer.from(content);
  copy.writeUInt8(copy.readUInt8(offset) ^ (1 << (offset % 8)), offset);
  return copy;
}

describe("a damaged segment", () => {
  for (const isOrderly of [true, false]) {
    const how = isOrderly ? "an orderly close" : "a kill";
    it(`after ${how}: no flipped bit goes unnoticed`, async () => {
      const sample = await writeSample(isOrderly);
      const { name, content } = oldestOf(sample.files);
      for (let offset = 0; offset < content.length; offset += 1) {
        const outcome = await openDamaged(sample.files, name, flipped(content, offset));
        if (outcome.kind === "refused") continue;
        const { length } = outcome.entries;
        expect({ offset, ...outcome }).toMatchObject({
          offset,
          entries: sample.entries.slice(0, length),
        });
        const isLegal = length >= sample.settled && outcome.cutBytes > 0;
        expect({ offset, isLegal }).toEqual({ offset, isLegal: true });
      }
    });

    it(`after ${how}: a cut is an interrupted write, or is missed by the checkpoint`, async () => {
      const sample = await writeSample(isOrderly);
      const { name, content } = oldestOf(sample.files);
      for (let size = 0; size < content.length; size += 1) {
        const cut = content.subarray(0, size);
        const outcome = await openDamaged(sample.files, name, cut);
        const { length } = outcome.entries;
        const entries = sample.entries.slice(0, length);
        expect({ size, ...outcome }).toMatchObject({ size, entries });
        if (length === sample.entries.length) continue;
        const known = await openDamaged(sample.files, name, cut, sample.entries.length + 1);
        expect({ size, kind: known.kind }).toEqual({ size, kind: "refused" });
      }
    });
  }

  it("that is not the newest is never cut, wherever the damage", async () => {
    await using disk = new SimDisk();
    {
      await using log = await openSmallLog(disk.root, { disk });
      await log.append(batchHeader(), [Buffer.from("old")]).durable;
      await log.append(TICK, [Buffer.from("old")]).durable;
      await log.roll();
      await log.append(TICK, [Buffer.from("new")]).durable;
    }
    const files = await filesOf(disk);
    const { name, content } = oldestOf(files);
    for (let offset = 0; offset < content.length; offset += 1) {
      const flip = await openDamaged(files, name, flipped(content, offset));
      expect({ offset, kind: flip.kind }).toEqual({ offset, kind: "refused" });
      const cut = await openDamaged(files, name, content.subarray(0, offset));
      expect({ offset, kind: cut.kind }).toEqual({ offset, kind: "refused" });
    }
  });
});
