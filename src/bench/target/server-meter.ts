/** What a run costs the servers: processor time and counters of INFO, after less before. */
import { type Connection, openConnection } from "../resp/connection.ts";
import { parseInfo } from "./server-facts.ts";
import { type Target } from "./target.ts";

export interface ServerReading {
  /** Null where INFO is refused or does not tell. */
  readonly cpuMs: number | null;
  readonly usedMemoryBytes: number | null;
  readonly counters: Readonly<Record<string, number>>;
}

const COUNTERS = [
  "total_commands_processed",
  "total_connections_received",
  "keyspace_hits",
  "keyspace_misses",
  "expired_keys",
  "evicted_keys",
  "rejected_connections",
  "total_error_replies",
] as const;

export class ServerMeter implements AsyncDisposable {
  readonly #connections: readonly Connection[];

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections;
  }

  static async open(nodes: readonly Target[]): Promise<ServerMeter> {
    return new ServerMeter(await Promise.all(nodes.map((node) => openConnection(node))));
  }

  /** All nodes together. Nulls where a node is gone: a measurement must not die of its meter. */
  async read(): Promise<ServerReading> {
    try {
      const replies = await Promise.all(this.#connections.map((each) => each.call("INFO")));
      return replies
        .map((reply) => readingOf(typeof reply === "string" ? reply : ""))
        .reduce((left, right) => addReadings(left, right));
    } catch {
      return { cpuMs: null, usedMemoryBytes: null, counters: {} };
    }
  }

  /** Processor time alone, for a look in the middle of a run: a short question. */
  async readCpuMs(): Promise<number | null> {
    try {
      const replies = await Promise.all(this.#connections.map((each) => each.call("INFO", "cpu")));
      return replies
        .map((reply) => readingOf(typeof reply === "string" ? reply : "").cpuMs)
        .reduce((sum, cpuMs) => (sum === null || cpuMs === null ? null : sum + cpuMs), 0);
    } catch {
      return null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.resolve();
  }
}

/** Processor time between two readings, in milliseconds. */
export function cpuBetween(before: ServerReading, after: ServerReading): number | null {
  if (before.cpuMs === null || after.cpuMs === null) return null;
  // A server that was restarted begins at 0 again.
  return after.cpuMs >= before.cpuMs ? after.cpuMs - before.cpuMs : null;
}

export function countersBetween(
  before: ServerReading,
  after: ServerReading,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(after.counters).map(([name, value]) => [
      name,
      value - (before.counters[name] ?? 0),
    ]),
  );
}

function readingOf(text: string): ServerReading {
  const info = parseInfo(text);
  const number = (name: string): number | null => {
    const value = Number(info.get(name) ?? Number.NaN);
    return Number.isFinite(value) ? value : null;
  };
  const user = number("used_cpu_user");
  const system = number("used_cpu_sys");
  return {
    cpuMs: user === null || system === null ? null : (user + system) * 1000,
    usedMemoryBytes: number("used_memory"),
    counters: Object.fromEntries(
      COUNTERS.flatMap((name) => {
        const value = number(name);
        return value === null ? [] : [[name, value]];
      }),
    ),
  };
}

function addReadings(left: ServerReading, right: ServerReading): ServerReading {
  const add = (a: number | null, b: number | null): number | null =>
    a === null || b === null ? null : a + b;
  const names = new Set([...Object.keys(left.counters), ...Object.keys(right.counters)]);
  return {
    cpuMs: add(left.cpuMs, right.cpuMs),
    usedMemoryBytes: add(left.usedMemoryBytes, right.usedMemoryBytes),
    counters: Object.fromEntries(
      [...names].map((name) => [name, (left.counters[name] ?? 0) + (right.counters[name] ?? 0)]),
    ),
  };
}
