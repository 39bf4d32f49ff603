/** What the kernel knows of a process and its children: processor time and memory (Linux). */
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

/** The process and everything under it, parents first. */
export function processTree(pid: number): readonly number[] {
  const stats = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)));
  const tree = [pid];
  // The list grows while it is walked: children of children come in turn.
  for (const parent of tree) {
    for (const stat of stats) if (stat.parent === parent) tree.push(stat.pid);
  }
  return tree;
}

/** User and system time of the whole tree, of processes that have ended and were waited for not. */
export function cpuSeconds(pid: number): number {
  return processTree(pid)
    .flatMap(readStat)
    .reduce((total, stat) => total + stat.cpuSeconds, 0);
}

/** Resident bytes of the whole tree. */
export function residentBytes(pid: number): number {
  return processTree(pid).reduce((total, member) => total + memoryOf(member), 0);
}

function memoryOf(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function readStat(pid: number): readonly Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may itself hold spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    return [{ pid, parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND }];
  } catch {
    return [];
  }
}
