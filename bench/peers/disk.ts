/** The limit of durability: how often this disk makes one small write durable. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Appends of 4 KiB, each followed by an fdatasync, one after the other: syncs a second. */
export function fdatasyncsPerSecond(directory: string, durationMs: number): number {
  const file = openSync(join(directory, "sync-probe"), "w");
  try {
    const block = Buffer.alloc(4096, 7);
    const startedMs = performance.now();
    let syncs = 0;
    while (performance.now() - startedMs < durationMs) {
      writeSync(file, block);
      fdatasyncSync(file);
      syncs += 1;
    }
    return (syncs * 1000) / (performance.now() - startedMs);
  } finally {
    closeSync(file);
  }
}
