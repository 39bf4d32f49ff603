/** A real PostgreSQL with its own defaults (fsync on), in a directory that goes with the run. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../kurobe-server.ts";

const execute = promisify(execFile);

const TABLE = `CREATE TABLE ticks (ts timestamptz NOT NULL, symbol text NOT NULL,
  price double precision NOT NULL, qty bigint NOT NULL, PRIMARY KEY (symbol, ts))`;

// pgbench wants one statement on one line.
const INSERT =
  "INSERT INTO ticks VALUES (timestamptz '2025-01-06Z' + nextval('ticks_us') * interval '1 us', " +
  "'SYM' || :client_id, 100.25, 7);";

export interface Postgres extends AsyncDisposable {
  readonly version: string;
  /**
   * One COPY and one transaction a file, read by the server itself. Gives the milliseconds of it
   * all.
   */
  copyCsv(files: readonly string[]): Promise<number>;
  /** One-row INSERTs from this many connections: transactions a second, and their mean latency. */
  insertOneByOne(options: {
    readonly connections: number;
    readonly seconds: number;
  }): Promise<{ readonly perSecond: number; readonly latencyMs: number }>;
}

/** Null where no PostgreSQL is installed: `scripts/install-postgres.sh` installs one. */
export async function startPostgres(): Promise<Postgres | null> {
  const bin = findBinaries();
  if (bin === null) return null;
  const user = serverUser();
  const home = mkdtempSync(join(tmpdir(), "kurobe-bench-postgres-"));
  if (user !== null) chownSync(home, user.uid, user.gid);
  chmodSync(home, 0o755);
  const data = join(home, "data");
  const port = await freePort();
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
  const run = (program: string, ...words: string[]): string =>
    execFileSync(join(bin, program), words, {
      ...identity,
      cwd: home,
      encoding: "utf8",
      stdio: "pipe",
    });
  run("initdb", "--pgdata", data, "--auth", "trust", "--username", "bench", "--encoding", "UTF8");
  const options = `-p ${port} -k ${home} -c listen_addresses=127.0.0.1`;
  run(
    "pg_ctl",
    "--pgdata",
    data,
    "--wait",
    "--log",
    join(home, "log"),
    "--options",
    options,
    "start",
  );
  const sql = async (...texts: readonly string[]): Promise<string> => {
    const words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", home, "-p", String(port)];
    const commands = texts.flatMap((text) => ["-c", text]);
    const done = await execute(join(bin, "psql"), [
      ...words,
      "-U",
      "bench",
      "-d",
      "postgres",
      ...commands,
    ]);
    return done.stdout;
  };
  await sql(TABLE);
  return {
    version: (await sql("SHOW server_version")).trim().split(" ")[0] ?? "",
    async copyCsv(files) {
      await sql("TRUNCATE ticks", "CHECKPOINT");
      const copies = files.map((file) => `COPY ticks FROM '${file}' (FORMAT csv, HEADER)`);
      const startedMs = performance.now();
      await sql(...copies);
      return performance.now() - startedMs;
    },
    async insertOneByOne({ connections, seconds }) {
      await sql(
        "TRUNCATE ticks",
        "DROP SEQUENCE IF EXISTS ticks_us",
        "CREATE SEQUENCE ticks_us CACHE 1000",
      );
      const script = join(home, "insert.sql");
      writeFileSync(script, `${INSERT}\n`);
      const words = [
        "-n",
        "-M",
        "prepared",
        "-c",
        String(connections),
        "-j",
        "1",
        "-T",
        String(seconds),
      ];
      const done = await execute(join(bin, "pgbench"), [
        ...words,
        ...["-f", script, "-h", home, "-p", String(port), "-U", "bench", "postgres"],
      ]);
      return {
        perSecond: Number(/tps = ([\d.]+)/.exec(done.stdout)?.[1]),
        latencyMs: Number(/latency average = ([\d.]+)/.exec(done.stdout)?.[1]),
      };
    },
    async [Symbol.asyncDispose]() {
      run("pg_ctl", "--pgdata", data, "--wait", "--mode", "immediate", "stop");
      rmSync(home, { recursive: true, force: true });
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
