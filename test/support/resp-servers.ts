/** Real Redis and Valkey servers for the tests, where `scripts/install-redis.sh` has put them. */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import { type LocalServer, startLocalServer } from "../../src/bench/target/local-server.ts";
import { Lifetime } from "../../src/core/lifetime.ts";
import { openConnection } from "../../src/bench/resp/connection.ts";
import { ROOT } from "../source-files.ts";

export const ENGINES = ["redis", "valkey"] as const;

let isInstalled = false;

/** Installs both engines when one is missing: the tests are about real servers. */
export async function startServer(
  engine: (typeof ENGINES)[number],
  settings: readonly string[] = [],
  options: { readonly port?: number } = {},
): Promise<LocalServer> {
  if (!isInstalled) execFileSync(join(ROOT, "scripts", "install-redis.sh"), { stdio: "ignore" });
  isInstalled = true;
  return await startLocalServer({ engine, settings, ...options });
}

const SLOTS = [
  ["0", "5460"],
  ["5461", "10922"],
  ["10923", "16383"],
] as const;

export interface ClusterOptions {
  /** After so long a node that does not answer counts as gone, and its replica takes over. */
  readonly nodeTimeoutMs?: number;
  /** One for each master. */
  readonly replicas?: boolean;
  /** Nodes that own nothing. */
  readonly spares?: number;
}

export interface StartedCluster extends AsyncDisposable {
  /** The masters. */
  readonly servers: readonly LocalServer[];
  /** In the order of their masters; each has all that its master has. */
  readonly replicas: readonly LocalServer[];
  readonly spares: readonly LocalServer[];
}

/** Three masters that know each other and answer for all slots. */
export async function startCluster(
  engine: (typeof ENGINES)[number],
  { nodeTimeoutMs = 5000, replicas: hasReplicas = false, spares = 0 }: ClusterOptions = {},
): Promise<StartedCluster> {
  await using opening = new Lifetime();
  const settings = [
    ...["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeoutMs)],
    // A replica takes over however long ago it heard from its master, and copies without a wait.
    ...["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"],
  ];
  const total = SLOTS.length * (hasReplicas ? 2 : 1) + spares;
  const all: LocalServer[] = [];
  for (let index = 0; index < total; index++) {
    const port = await clusterPort();
    const server = opening.own(await startServer(engine, settings, { port }));
    for (const each of all) await ask(server, "CLUSTER", "MEET", "127.0.0.1", String(each.port));
    const slots = SLOTS[index];
    if (slots !== undefined) await ask(server, "CLUSTER", "ADDSLOTSRANGE", ...slots);
    await ask(server, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    all.push(server);
  }
  for (const server of all) await until(() => isWhole(server, total));
  const servers = all.slice(0, SLOTS.length);
  const replicas = hasReplicas ? all.slice(SLOTS.length, 2 * SLOTS.length) : [];
  for (const [index, replica] of replicas.entries()) {
    const master = servers[index] ?? replica;
    await ask(replica, "CLUSTER", "REPLICATE", String(await ask(master, "CLUSTER", "MYID")));
  }
  for (const replica of replicas) {
    await until(async () => {
      return /master_link_status:up/.test(String(await ask(replica, "INFO", "replication")));
    });
  }
  // A master that does not know its replica yet would ignore an ordered failover.
  for (const server of servers) await until(() => !hasReplicas || knowsReplicas(server));
  const lifetime = opening.move();
  const close = async (): Promise<void> => lifetime[Symbol.asyncDispose]();
  const others = all.slice(servers.length + replicas.length);
  return { servers, replicas, spares: others, [Symbol.asyncDispose]: close };
}

/**
 * Nodes talk to each other 10,000 ports above. Both ports are below those that the system gives to
 * connections: one of these might have taken the upper one.
 */
async function clusterPort(): Promise<number> {
  for (;;) {
    const port = randomInt(11_000, 22_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Looks every 50 milliseconds. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function knowsReplicas(server: LocalServer): Promise<boolean> {
  const nodes = String(await ask(server, "CLUSTER", "NODES"));
  return [...nodes.matchAll(/ slave /g)].length === SLOTS.length;
}

async function isWhole(server: LocalServer, nodes: number): Promise<boolean> {
  const info = String(await ask(server, "CLUSTER", "INFO"));
  const slots = (await ask(server, "CLUSTER", "SLOTS")) as readonly unknown[];
  const isKnown = info.includes(`cluster_known_nodes:${nodes}\r`);
  return info.includes("cluster_state:ok") && isKnown && slots.length === SLOTS.length;
}

/**
 * What `redis-cli --cluster reshard` does with a slot; between the move of its keys and that of the
 * slot itself it waits, and the old owner answers ASK.
 */
export async function moveSlot(
  slot: number,
  [from, to]: readonly [LocalServer, LocalServer],
  masters: readonly LocalServer[],
  waitMs: number,
): Promise<void> {
  const [fromId, toId] = [await ask(from, "CLUSTER", "MYID"), await ask(to, "CLUSTER", "MYID")];
  const set = async (on: LocalServer, ...words: readonly string[]): Promise<void> => {
    expect(await ask(on, "CLUSTER", "SETSLOT", String(slot), ...words)).toBe("OK");
  };
  await set(to, "IMPORTING", String(fromId));
  await set(from, "MIGRATING", String(toId));
  const keys = (await ask(from, "CLUSTER", "GETKEYSINSLOT", String(slot), "10000")) as string[];
  const words = ["127.0.0.1", String(to.port), "", "0", "5000", "KEYS", ...keys];
  if (keys.length > 0) expect(await ask(from, "MIGRATE", ...words)).toBe("OK");
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  for (const server of [to, from, ...masters]) await set(server, "NODE", String(toId));
}

/** One command on a connection of its own. */
export async function ask({ target }: LocalServer, ...args: string[]): Promise<unknown> {
  await using connection = await openConnection(target);
  return await connection.call(...args);
}
