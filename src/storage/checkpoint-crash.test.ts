/** Chunks, state and manifest, with the power cut at every step: what a manifest names is whole. */
import { expect, test } from "vitest";
import { SimCrash } from "../../test/simulation/sim-disk.ts";
import { DAY_US, manifestOf, StorageFixture, TICKS } from "../../test/support/storage-fixture.ts";
import { writeChunks } from "./chunk-writer.ts";
import { type ChunkRecord, readCurrentManifest, writeManifest } from "./manifest.ts";
import { sweep } from "./sweep.ts";
import { findOrphans, verifyManifest } from "./verify.ts";

const SEEDS = [1, 2, 3];

/** Two days' rows as a checkpoint adds them to what was there. */
async function checkpoint(
  fixture: StorageFixture,
  number: number,
  before: readonly ChunkRecord[],
): Promise<readonly ChunkRecord[]> {
  const rows = [0n, 1n].map((day) => ({ at: day * DAY_US, symbol: `S${number}`, price: number }));
  const added = await writeChunks(fixture.target, await fixture.source(rows, TICKS));
  const chunks = [...before, ...added];
  const manifest = manifestOf(number, await fixture.writeState(number), chunks);
  await writeManifest(fixture.disk, fixture.directory, manifest);
  return chunks;
}

async function crashAt(step: number, when: "before" | "after", seed: number): Promise<void> {
  await using fixture = await StorageFixture.open();
  const first = await checkpoint(fixture, 1, []);
  fixture.disk.failAt(step, when);
  let isReported = false;
  try {
    await checkpoint(fixture, 2, first);
    isReported = true;
  } catch (error) {
    expect(error).toBeInstanceOf(SimCrash);
  }
  await fixture.disk.crash(seed);
  const { disk, directory } = fixture;
  const found = await readCurrentManifest(disk, directory);
  const manifest = found?.manifest ?? manifestOf(0, await fixture.writeState(0));
  expect(isReported ? [2] : [1, 2]).toContain(manifest.number);
  const options = { connection: fixture.connection };
  for await (const file of verifyManifest(disk, directory, manifest, options)) {
    expect(file.problem, `${file.path} at step ${step} ${when}, seed ${seed}`).toBeNull();
  }
  expect(await fixture.read(TICKS, manifest.chunks)).toHaveLength(manifest.number * 2);
  await sweep(disk, directory, [manifest]);
  expect(await findOrphans(disk, directory, [manifest])).toEqual([]);
  for await (const file of verifyManifest(disk, directory, manifest)) {
    expect(file.problem).toBeNull();
  }
}

test("a checkpoint is there as a whole or not at all", async () => {
  let steps = 0;
  {
    await using fixture = await StorageFixture.open();
    const first = await checkpoint(fixture, 1, []);
    const before = fixture.disk.operations;
    await checkpoint(fixture, 2, first);
    steps = fixture.disk.operations - before;
  }
  for (let step = 1; step <= steps + 1; step++) {
    for (const seed of SEEDS) {
      await crashAt(step, "before", seed);
      await crashAt(step, "after", seed);
    }
  }
});
