/** A real PostgreSQL with its own defaults (fsync on), in a directory that goes with it. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../src/bench/target/local-server.ts";
import { ROOT } from "../source-files.ts";

const execute = promisify(execFile);

export interface PostgresServer extends AsyncDisposable {
  /** `postgres://` with a superuser who needs no password. */
  readonly url: string;
  readonly port: number;
  /** Where its programs are. */
  readonly bin: string;
  /** Its directory, which it can write to and which holds its socket. */
  readonly home: string;
  /** Statements one by one; gives what they print, unaligned. */
  readonly psql: (...statements: readonly string[]) => Promise<string>;
  readonly stop: (mode?: "fast" | "immediate") => void;
  readonly start: () => void;
}

/** Installs Debian's package when there is none: the tests are about a real server. */
export async function startPostgresServer(): Promise<PostgresServer> {
  if (findBinaries() === null)
    execFileSync(join(ROOT, "scripts", "install-postgres.sh"), { stdio: "ignore" });
  const server = await startInstalledPostgres();
  if (server === null) throw new Error("PostgreSQL is not installed");
  return server;
}

/** Null where no PostgreSQL is installed. */
export async function startInstalledPostgres(): Promise<PostgresServer | null> {
  const bin = findBinaries();
  if (bin === null) return null;
  const user = serverUser();
  const home = mkdtempSync(join(tmpdir(), "kurobe-postgres-"));
  if (user !== null) chownSync(home, user.uid, user.gid);
  chmodSync(home, 0o755);
  const data = join(home, "data");
  const port = await freePort();
  const run = (program: string, ...words: string[]): void => {
    execFileSync(join(bin, program), words, { ...user, cwd: home, stdio: "pipe" });
  };
  run("initdb", "--pgdata", data, "--auth", "trust", "--username", "kurobe", "--encoding", "UTF8");
  const options = `-p ${port} -k ${home} -c listen_addresses=127.0.0.1`;
  const control = (...words: string[]): void => run("pg_ctl", "--pgdata", data, "--wait", ...words);
  const start = (): void => control("--log", join(home, "log"), "--options", options, "start");
  const stop = (mode: "fast" | "immediate" = "fast"): void => control("--mode", mode, "stop");
  start();
  return {
    url: `postgres://kurobe@127.0.0.1:${port}/postgres`,
    port,
    bin,
    home,
    start,
    stop,
    async psql(...statements) {
      const target = ["-h", home, "-p", String(port), "-U", "kurobe", "-d", "postgres"];
      const words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", ...target];
      const commands = statements.flatMap((text) => ["-c", text]);
      return (await execute(join(bin, "psql"), [...words, ...commands])).stdout.trim();
    },
    [Symbol.asyncDispose]: () => {
      if (existsSync(join(data, "postmaster.pid"))) stop("immediate");
      rmSync(home, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

/** The newest of Debian's directories, or whatever PATH has. */
function findBinaries(): string | null {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root)
    ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a))
    : [];
  const debian = versions.map((version) => join(root, version, "bin"));
  const path = (process.env["PATH"] ?? "").split(":");
  return [...debian, ...path].find((bin) => existsSync(join(bin, "initdb"))) ?? null;
}

/** PostgreSQL refuses to run as root; there is a `postgres` or at least a `nobody` then. */
function serverUser(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "nobody"]) {
    const uid = spawnSync("id", ["-u", name], { encoding: "utf8" });
    const gid = spawnSync("id", ["-g", name], { encoding: "utf8" });
    if (uid.status === 0 && gid.status === 0)
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new Error(
    "PostgreSQL needs a user that is not root, and there is neither postgres nor nobody",
  );
}
