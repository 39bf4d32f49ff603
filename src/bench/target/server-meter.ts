/** What a run costs the servers: processor time and counters of INFO, after less before. */
import { type Reply } from "../resp/reply-reader.ts";
import { inTime } from "./in-time.ts";
import { closeStations, openStations, type Station } from "./meter-station.ts";
import { parseInfo } from "./server-facts.ts";
import { type Target } from "./target.ts";
import { readFreshTopology } from "./topology.ts";

export interface ServerReading {
  /** Null where INFO is refused or does not tell. */
  readonly cpuMs: number | null;
  readonly usedMemoryBytes: number | null;
  readonly counters: Readonly<Record<string, number>>;
  /** Which processes were read: a server that was started again is another one. */
  readonly servers: readonly string[];
}

const NOTHING: ServerReading = { cpuMs: null, usedMemoryBytes: null, counters: {}, servers: [] };

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

/**
 * In a cluster it reads the masters of the moment: one that has come from then on, one that is gone
 * no more.
 */
export class ServerMeter implements AsyncDisposable {
  #stations: readonly Station[];
  /** Nodes that may know who the masters are when no master answers. */
  #replicas: readonly Target[];
  /** What the stations said of their cluster when they were chosen. */
  #state: string | undefined;

  private constructor(stations: readonly Station[], replicas: readonly Target[]) {
    this.#stations = stations;
    this.#replicas = replicas;
  }

  static async open(nodes: readonly Target[]): Promise<ServerMeter> {
    const topology = nodes[0]?.isCluster === true ? await readFreshTopology(nodes) : undefined;
    return new ServerMeter(await openStations(nodes), topology?.replicas ?? []);
  }

  /** All nodes together. Nulls where a node is gone: a measurement must not die of its meter. */
  async read(): Promise<ServerReading> {
    return (await this.#look("INFO")) ?? NOTHING;
  }

  /** Processor time alone, for a look in the middle of a run: a short question. */
  async readCpu(): Promise<Pick<ServerReading, "cpuMs" | "servers">> {
    return (await this.#look("INFO", "cpu")) ?? NOTHING;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeStations(this.#stations);
    await Promise.resolve();
  }

  async #look(...question: readonly string[]): Promise<ServerReading | undefined> {
    const look = await this.#ask(question);
    this.#state ??= look?.state;
    if (look !== undefined && look.state === this.#state) return look.reading;
    // Masters have come or gone, slots have moved, or a server was started again.
    if (!(await this.#chooseAgain())) return undefined;
    const again = await this.#ask(question);
    this.#state = again?.state;
    return again?.reading;
  }

  async #ask(
    question: readonly string[],
  ): Promise<{ readonly reading: ServerReading; readonly state: string } | undefined> {
    const isCluster = this.#stations[0]?.node.isCluster === true;
    const commands = isCluster ? [question, ["CLUSTER", "INFO"]] : [question];
    const ask = async ({
      connection,
      server,
    }: Station): Promise<readonly [ServerReading, string]> => {
      const [info = null, cluster = null] = await connection.callAll(commands);
      return [readingOf(textOf(info), server), stateOf(textOf(cluster))];
    };
    const answers = await inTime(Promise.all(this.#stations.map(ask)));
    if (answers === undefined || answers.length === 0) return undefined;
    return {
      reading: answers.map(([reading]) => reading).reduce(addReadings),
      state: answers.map(([, state]) => state).join(" "),
    };
  }

  /** False where not all masters answer. */
  async #chooseAgain(): Promise<boolean> {
    const nodes = this.#stations.map(({ node }) => node);
    const isCluster = nodes[0]?.isCluster === true;
    const topology = isCluster
      ? await readFreshTopology([...nodes, ...this.#replicas])
      : { masters: nodes, replicas: [] };
    if (topology === undefined) return false;
    const opening = openStations(topology.masters);
    const stations = await inTime(opening);
    if (stations === undefined) {
      void opening.then(closeStations, () => undefined);
      return false;
    }
    closeStations(this.#stations);
    this.#stations = stations;
    this.#replicas = [...topology.replicas, ...nodes];
    return true;
  }
}

/**
 * Processor time between two readings, in milliseconds; null unless they are of the same servers.
 */
export function cpuBetween(before: ServerReading, after: ServerReading): number | null {
  if (before.cpuMs === null || after.cpuMs === null || !hasSame(before, after)) return null;
  return after.cpuMs >= before.cpuMs ? after.cpuMs - before.cpuMs : null;
}

/** Empty unless both are of the same servers. */
export function countersBetween(
  before: ServerReading,
  after: ServerReading,
): Readonly<Record<string, number>> {
  if (!hasSame(before, after)) return {};
  return Object.fromEntries(
    Object.entries(after.counters).map(([name, value]) => [
      name,
      value - (before.counters[name] ?? 0),
    ]),
  );
}

/** Whether two looks are of the same servers, so that their difference says something. */
export function hasSame(
  left: Pick<ServerReading, "servers">,
  right: Pick<ServerReading, "servers">,
): boolean {
  return left.servers.toSorted().join() === right.servers.toSorted().join();
}

function textOf(reply: Reply): string {
  return typeof reply === "string" ? reply : "";
}

/** Changes with each failover and each master that comes or goes; the rest of it is a clock. */
function stateOf(clusterInfo: string): string {
  const lines = clusterInfo.split("\r\n");
  return lines.filter((line) => /^cluster_(current_epoch|my_epoch|size):/.test(line)).join();
}

function readingOf(text: string, server: string): ServerReading {
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
    servers: [server],
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
    servers: [...left.servers, ...right.servers],
  };
}
