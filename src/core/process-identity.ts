/** Who a process is, so that another one can later tell whether it still runs. */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own unit; process ids are used again. Empty if unknown. */
  readonly started: string;
  /** Changes with every start of the machine. Empty if unknown. */
  readonly boot: string;
  /** Containers count process ids by themselves. Empty if unknown. */
  readonly namespace: string;
  readonly host: string;
  /** Stays through restarts of the machine. Empty if unknown, as in many containers. */
  readonly machine: string;
}

export function ownIdentity(): ProcessIdentity {
  const { pid } = process;
  return {
    pid,
    started: startOf(pid) ?? "",
    boot: readText("/proc/sys/kernel/random/boot_id"),
    namespace: readLink("/proc/self/ns/pid"),
    host: hostname(),
    machine: readText("/etc/machine-id"),
  };
}

/** `unknown`: on another machine or in another container, where nothing here can look. */
export function findLiveness(other: ProcessIdentity): "alive" | "dead" | "unknown" {
  const own = ownIdentity();
  const isSameBoot = other.boot === own.boot;
  const isSameMachine = own.machine !== "" && other.machine === own.machine;
  // Names alone prove nothing: a container that moves to another machine keeps its own.
  if (!isSameBoot && isSameMachine && other.host === own.host) return "dead";
  if (!isSameBoot || other.namespace !== own.namespace) return "unknown";
  if (own.boot === "" && other.host !== own.host) return "unknown";
  if (own.started === "") return isRunning(other.pid) ? "alive" : "dead";
  return startOf(other.pid) === other.started ? "alive" : "dead";
}

/** Nothing for a process that is gone, or that has ended and only waits for its parent to look. */
function startOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The name in brackets may hold anything, brackets and spaces included.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  return fields[18];
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, but somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
