/** A small file system of its own, for tests that need a disk to be full or read-only. */
import { spawnSync } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskErrorCode } from "../../src/core/disk.ts";

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  makeReadOnly(): void;
  /** With a file of its own that leaves so many bytes; gives a function that removes it. */
  fillUp(leaveBytes: number): Promise<() => Promise<void>>;
}

/**
 * Why a test cannot have one; undefined where it can. Only Linux lets root mount one in passing.
 */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== "linux") return `${process.platform} has no tmpfs`;
  const probe = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
  return probe.status === 0 ? undefined : "mounting needs root";
}

/** Throws where `whyNoSmallDisk` says so. */
export async function mountSmallDisk(sizeMib: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), "kurobe-disk-"));
  mount(["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", path]);
  return {
    path,
    makeReadOnly: () => mount(["-o", "remount,ro", path]),
    fillUp: async (leaveBytes) => {
      const ballast = join(path, "ballast");
      await using file = await open(ballast, "w");
      try {
        for (;;) await file.write(Buffer.alloc(64 * 1024));
      } catch (error) {
        if (diskErrorCode(error) !== "ENOSPC") throw error;
      }
      const { size } = await file.stat();
      await file.truncate(size - leaveBytes);
      return () => rm(ballast);
    },
    [Symbol.asyncDispose]: async () => {
      // Lazily: a process that was killed may hold a file for a moment longer.
      spawnSync("umount", ["--lazy", path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync("mount", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`mount ${args.join(" ")}: ${stderr}`);
}
