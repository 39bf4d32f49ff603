/** What the figures were measured on. */
import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import os from "node:os";
import { REPOSITORY } from "./workspace.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly fileSystem: string;
  readonly loadAverageAtStart: number;
}

export interface Origin {
  readonly commit: string;
  /** Files that differ from the commit, outside of bench/results. */
  readonly changedFiles: number;
}

export function readMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    fileSystem: fileSystemOf(REPOSITORY),
    loadAverageAtStart: Number((os.loadavg()[0] ?? 0).toFixed(2)),
  };
}

export function readOrigin(): Origin {
  const git = (...words: string[]): string =>
    execFileSync("git", words, { cwd: REPOSITORY, encoding: "utf8" });
  try {
    const changed = git("status", "--porcelain", "--", ".", ":!bench/results").trim();
    return {
      commit: git("rev-parse", "--short=12", "HEAD").trim(),
      changedFiles: changed === "" ? 0 : changed.split("\n").length,
    };
  } catch {
    return { commit: "unknown", changedFiles: 0 };
  }
}

/** The longest mount point that the path is under. */
function fileSystemOf(path: string): string {
  try {
    const mounts = readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "))
      .filter(
        ([, point]) => point !== undefined && `${path}/`.startsWith(`${point}/`.replace("//", "/")),
      )
      .toSorted(([, left], [, right]) => (right?.length ?? 0) - (left?.length ?? 0));
    const [device, , type] = mounts[0] ?? [];
    return `${type ?? "unknown"} on ${device ?? "unknown"}`;
  } catch {
    return `type ${statfsSync(path).type}`;
  }
}
