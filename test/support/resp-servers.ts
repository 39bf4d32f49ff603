/** Real Redis and Valkey servers for the tests, where `scripts/install-redis.sh` has put them. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type LocalServer, startLocalServer } from "../../src/bench/target/local-server.ts";
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
