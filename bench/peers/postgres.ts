/** PostgreSQL as the peer of ingest: COPY and one-row INSERTs. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { startInstalledPostgres } from "../../test/support/postgres-server.ts";

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
  const server = await startInstalledPostgres();
  if (server === null) return null;
  const { psql, home, port, bin } = server;
  await psql(TABLE);
  return {
    version: (await psql("SHOW server_version")).split(" ")[0] ?? "",
    async copyCsv(files) {
      await psql("TRUNCATE ticks", "CHECKPOINT");
      const copies = files.map((file) => `COPY ticks FROM '${file}' (FORMAT csv, HEADER)`);
      const startedMs = performance.now();
      await psql(...copies);
      return performance.now() - startedMs;
    },
    async insertOneByOne({ connections, seconds }) {
      await psql(
        "TRUNCATE ticks",
        "DROP SEQUENCE IF EXISTS ticks_us",
        "CREATE SEQUENCE ticks_us CACHE 1000",
      );
      const script = join(home, "insert.sql");
      writeFileSync(script, `${INSERT}\n`);
      const load = ["-n", "-M", "prepared", "-c", String(connections), "-j", "1"];
      const target = ["-h", home, "-p", String(port), "-U", "kurobe", "postgres"];
      const words = [...load, "-T", String(seconds), "-f", script, ...target];
      const done = await execute(join(bin, "pgbench"), words);
      return {
        perSecond: Number(/tps = ([\d.]+)/.exec(done.stdout)?.[1]),
        latencyMs: Number(/latency average = ([\d.]+)/.exec(done.stdout)?.[1]),
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
