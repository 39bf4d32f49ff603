import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { chunkRecord, manifestOf } from "../../test/support/storage-fixture.ts";
import { SimDisk } from "../../test/simulation/sim-disk.ts";
import { type Manifest } from "./manifest.ts";
import { listFiles, planSweep, sweep } from "./sweep.ts";

function manifest(number: number, ...chunkIds: readonly number[]): Manifest {
  const path = `state/${String(number).padStart(10, "0")}.json`;
  const state = { path, bytes: 1, sha256: "0".repeat(64) };
  return manifestOf(
    number,
    state,
    chunkIds.map((id) => chunkRecord(id)),
  );
}

const chunk = (id: number): string => chunkRecord(id).path;

describe("what can go", () => {
  test("is what no kept manifest names", () => {
    const kept = [manifest(4, 1, 2), manifest(5, 2, 3)];
    const listing = [
      ...[1, 2, 3, 4].map(chunk),
      "manifest/0000000003.json",
      "manifest/0000000004.json",
      "manifest/0000000005.json",
      "state/0000000003.json",
      "state/0000000004.json",
      "state/0000000005.json",
      "state/0000000006.json.tmp",
    ];
    expect(planSweep(listing, kept).remove).toEqual([
      chunk(4),
      "manifest/0000000003.json",
      "state/0000000003.json",
      "state/0000000006.json.tmp",
    ]);
  });

  test("is nothing that is still in use", () => {
    const listing = [chunk(8), chunk(9)];
    const { remove } = planSweep(listing, [manifest(1)], new Set([chunk(9)]));
    expect(remove).toEqual([chunk(8)]);
  });

  test("is nothing at all without a manifest", () => {
    expect(planSweep([chunk(1), "state/0000000001.json"], []).remove).toEqual([]);
  });

  test("is no manifest that could not be read: it is evidence", () => {
    const listing = ["manifest/0000000006.json", "manifest/0000000004.json.set-aside"];
    expect(planSweep(listing, [manifest(5)])).toEqual({ remove: [], foreign: [] });
  });

  test("is nothing that somebody else put there", () => {
    const listing = ["chunks/README.md", "state/notes.json", "manifest/old/1.json"];
    expect(planSweep(listing, [manifest(1)])).toEqual({ remove: [], foreign: listing });
  });
});

test("sweeping lists all folders, removes orphans and keeps the rest", async () => {
  await using disk = new SimDisk();
  const kept = [manifest(1, 1)];
  const named = [chunk(1), "manifest/0000000001.json", "state/0000000001.json"];
  const foreign = ["chunks/ticks/notes"];
  for (const path of [...named, ...foreign, chunk(2), "manifest/0000000002.json.tmp"]) {
    mkdirSync(dirname(join(disk.root, path)), { recursive: true });
    writeFileSync(join(disk.root, path), "x");
  }
  const removed = await sweep(disk, disk.root, kept);
  expect(removed).toEqual([chunk(2), "manifest/0000000002.json.tmp"]);
  expect(await listFiles(disk, disk.root)).toEqual([...named, ...foreign].sort());
  expect(await sweep(disk, disk.root, kept)).toEqual([]);
});
