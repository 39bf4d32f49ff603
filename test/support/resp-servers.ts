/** Real Redis and Valkey servers for the tests, where `scripts/install-redis.sh` has put them. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
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

/** Three masters that know each other and answer for all slots. */
export async function startCluster(
  engine: (typeof ENGINES)[number],
): Promise<AsyncDisposable & { readonly servers: readonly LocalServer[] }> {
  await using opening = new Lifetime();
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
  const servers: LocalServer[] = [];
  for (const [index, slots] of SLOTS.entries()) {
    const server = opening.own(await startServer(engine, settings));
    await ask(server, "CLUSTER", "ADDSLOTSRANGE", ...slots);
    await ask(server, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    if (index > 0) await ask(server, "CLUSTER", "MEET", "127.0.0.1", String(servers[0]?.port));
    servers.push(server);
  }
  for (const server of servers) {
    while (!(await isWhole(server))) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const lifetime = opening.move();
  return { servers, [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose]() };
}

async function isWhole(server: LocalServer): Promise<boolean> {
  const info = String(await ask(server, "CLUSTER", "INFO"));
  const slots = (await ask(server, "CLUSTER", "SLOTS")) as readonly unknown[];
  return /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(info) && slots.length === 3;
}

/** One command on a connection of its own. */
export async function ask({ target }: LocalServer, ...args: string[]): Promise<unknown> {
  await using connection = await openConnection(target);
  return await connection.call(...args);
}
