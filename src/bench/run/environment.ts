/** The machine that a result was measured on. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, cpus, hostname, loadavg, release, totalmem, type as systemName } from "node:os";
import { type BenchResult } from "../result/result.ts";

type Environment = BenchResult["environment"];

export interface EnvironmentFacts {
  /** Such as `valkey on processor 0`. */
  readonly pinning: string | null;
  readonly agents: readonly string[];
  readonly stealShare: number | null;
}

export function readEnvironment({ pinning, agents, stealShare }: EnvironmentFacts): Environment {
  const processors = cpus();
  const cpu = processors[0]?.model.trim() ?? arch();
  return {
    host_id: hostId(),
    cpu,
    cores: Math.max(1, processors.length),
    memory_bytes: totalmem(),
    kernel: `${systemName()} ${release()}`,
    node: process.version,
    kurobe: packageVersion(),
    governor: readText("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    load_average: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    steal_share: stealShare,
    pinning,
    agents: [...agents],
  };
}

/** Tells runs of one machine from others', and no name to anybody. */
export function hostId(): string {
  const cpu = cpus()[0]?.model.trim() ?? arch();
  return createHash("sha256").update(`${hostname()} ${cpu}`).digest("hex").slice(0, 12);
}

/** Processor time of the machine in ticks: all of it, and what other guests took. */
export interface MachineTime {
  readonly total: number;
  readonly stolen: number;
}

/** Null where the system does not say. */
export function readMachineTime(): MachineTime | null {
  const line = readText("/proc/stat")?.split("\n")[0];
  if (line === undefined) return null;
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  return { total: ticks.reduce((sum, tick) => sum + tick, 0), stolen: ticks[7] ?? 0 };
}

export function stealBetween(before: MachineTime | null, after: MachineTime | null): number | null {
  if (before === null || after === null || after.total <= before.total) return null;
  return (after.stolen - before.stolen) / (after.total - before.total);
}

export function packageVersion(): string {
  // Three folders up from here in `src/` and in `dist/` alike.
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}
