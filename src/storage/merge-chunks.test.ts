import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DatasetPlan } from "../plan/plan.ts";
import { columnPlan, datasetPlan } from "../../test/support/plans.ts";
import {
  DAY_US,
  KEYED,
  StorageFixture,
  TICK_COLUMNS,
  type TickRow,
  TICKS,
} from "../../test/support/storage-fixture.ts";
import { writeChunks } from "./chunk-writer.ts";
import { replaceFile, type ChunkRecord } from "./manifest.ts";
import { mergeChunks } from "./merge-chunks.ts";
import { type Merge, planMerges } from "./merge.ts";
import { listFiles } from "./sweep.ts";

let fixture: StorageFixture;
beforeEach(async () => {
  fixture = await StorageFixture.open();
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const DAY = 20_000n * DAY_US;

async function checkpoint(
  rows: readonly TickRow[],
  dataset: DatasetPlan,
  hasTombstones = false,
): Promise<readonly ChunkRecord[]> {
  return writeChunks(fixture.target, await fixture.source(rows, dataset, { hasTombstones }));
}

function mergeOf(chunks: readonly ChunkRecord[], isWhole = true): Merge {
  return { chunks, wholeDays: isWhole ? [20_000] : [], isWhole };
}

test("eight checkpoints of a day become one file with the same rows", async () => {
  const chunks: ChunkRecord[] = [];
  for (let n = 0n; n < 8n; n++) {
    const rows = [0n, 1n, 2n].map((i) => ({ at: DAY + i * 8n + n, symbol: `S${i}`, price: 1 }));
    chunks.push(...(await checkpoint(rows, TICKS)));
  }
  const before = await fixture.read(TICKS, chunks);
  const [merge] = planMerges(chunks, { fanIn: 8, maxBytes: 1e9 });
  expect(merge).toMatchObject({ isWhole: true, wholeDays: [20_000] });
  const source = { dataset: TICKS, hasTombstones: false, merge: merge ?? mergeOf([]) };
  const merged = await mergeChunks(fixture.target, source);
  expect(merged).toHaveLength(1);
  expect(merged[0]).toMatchObject({ partition: "2024-10-04", rows: 24, minSeq: 1, maxSeq: 24 });
  expect(await fixture.read(TICKS, merged)).toEqual(before);
  // The old ones stay until no manifest names them.
  expect(await listFiles(fixture.disk, fixture.directory)).toHaveLength(9);
});

describe("with a key", () => {
  test("the newest row stays, whichever chunk it is in", async () => {
    const newer = [{ at: DAY, symbol: "A", price: 3 }];
    const chunks = [
      ...(await checkpoint([{ at: DAY, symbol: "A", price: 1 }], KEYED)),
      ...(await checkpoint([{ at: DAY, symbol: "B", price: 2 }], KEYED)),
      ...(await checkpoint(newer, KEYED)),
    ].toReversed();
    const source = { dataset: KEYED, hasTombstones: false, merge: mergeOf(chunks) };
    const merged = await mergeChunks(fixture.target, source);
    expect(await fixture.read(KEYED, merged)).toEqual([`${DAY} B 2 2`, `${DAY} A 3 3`]);
  });

  test("a row that was taken back stays gone, and goes for good when all chunks took part", async () => {
    const old = await checkpoint([{ at: DAY, symbol: "A", price: 1 }], KEYED, true);
    const taken = { at: DAY, symbol: "A", price: 1, deleted: true };
    const chunks = await checkpoint([taken, { at: DAY, symbol: "B", price: 2 }], KEYED, true);
    const part = { dataset: KEYED, hasTombstones: true, merge: mergeOf(chunks, false) };
    const [rest] = await mergeChunks(fixture.target, part);
    // The older row is elsewhere: without its tombstone it would be back.
    expect(rest?.rows).toBe(2);
    const all = { ...part, merge: mergeOf([...old, ...(rest === undefined ? [] : [rest])]) };
    const merged = await mergeChunks(fixture.target, all);
    expect(await fixture.read(KEYED, merged)).toEqual([`${DAY} B 2 3`]);
  });
});

test("chunks of several schemas become one of the present schema", async () => {
  const old = await checkpoint([{ at: DAY, symbol: "A", price: 1.5 }], TICKS);
  const now = datasetPlan("ticks", [
    ...TICK_COLUMNS.slice(0, 2),
    columnPlan("price", "text"),
    columnPlan("venue", "text", { default: "XTKS" }),
  ]);
  const source = { dataset: now, hasTombstones: false, merge: mergeOf(old) };
  const merged = await mergeChunks(fixture.target, source);
  expect(merged[0]?.columns.map((one) => `${one.name} ${one.type}`)).toEqual([
    "at TIMESTAMP",
    "symbol VARCHAR",
    "price VARCHAR",
    "venue VARCHAR",
  ]);
  expect(await fixture.read(now, merged)).toEqual([`${DAY} A 1.5 1`]);
});

test("a damaged file is named and not merged: its damage would get a fresh checksum", async () => {
  const chunks = [
    ...(await checkpoint([{ at: DAY, symbol: "A", price: 1 }], TICKS)),
    ...(await checkpoint([{ at: DAY, symbol: "B", price: 2 }], TICKS)),
  ];
  const path = chunks[1]?.path ?? "";
  const file = join(fixture.directory, path);
  const bytes = Buffer.from(await fixture.disk.readFile(file));
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
  await replaceFile(fixture.disk, file, bytes);
  const files = await listFiles(fixture.disk, fixture.directory);
  const source = { dataset: TICKS, hasTombstones: false, merge: mergeOf(chunks) };
  await expect(mergeChunks(fixture.target, source)).rejects.toMatchObject({
    code: "KRB_STORAGE_DAMAGED",
    details: { path, dataset: "ticks", partition: "2024-10-04" },
  });
  expect(await listFiles(fixture.disk, fixture.directory)).toEqual(files);
});
