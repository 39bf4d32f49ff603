/** Debian's InfluxDB 1.6.7 as a server of the tests. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../bench/kurobe-server.ts";
import { Lifetime } from "../../src/core/lifetime.ts";
import { answers, installed } from "./receiver-servers.ts";

export interface InfluxAnswer {
  readonly status: number;
  readonly text: string;
}

export interface InfluxServer extends AsyncDisposable {
  readonly url: string;
  /** Statements of InfluxQL; a failed one throws. */
  query(statements: string, database?: string): Promise<readonly InfluxSeries[]>;
  write(database: string, body: string | Uint8Array, query?: string): Promise<InfluxAnswer>;
}

export interface InfluxSeries {
  readonly name: string;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

interface Answered {
  readonly error?: string;
  readonly results?: readonly {
    readonly error?: string;
    readonly series?: readonly InfluxSeries[];
  }[];
}

export async function openInflux(): Promise<InfluxServer> {
  await using opening = new Lifetime();
  const program = join(installed("influxdb"), "usr", "bin", "influxd");
  const folder = await mkdtemp(join(tmpdir(), "kurobe-influx-"));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  const [port, rpcPort] = [await freePort(), await freePort()];
  const configuration = join(folder, "influxdb.conf");
  await writeFile(
    configuration,
    `reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
  dir = "${folder}/meta"
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "error"
`,
  );
  const child = spawn(program, ["run", "-config", configuration], { stdio: "ignore" });
  opening.defer(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    if (child.exitCode === null) await ended;
  });
  await answers(child, port);
  const url = `http://127.0.0.1:${port}`;
  const lifetime = opening.move();
  return {
    url,
    query: async (q, db = "") => {
      const answer = await fetch(`${url}/query?epoch=ns&db=${encodeURIComponent(db)}`, {
        method: "POST",
        body: new URLSearchParams({ q }),
      });
      const { error, results = [] } = JSON.parse(await answer.text()) as Answered;
      const wrong = error ?? results.find((one) => one.error !== undefined)?.error;
      if (wrong !== undefined) throw new Error(wrong);
      return results.flatMap((one) => one.series ?? []);
    },
    write: async (database, body, query = "") => {
      const answer = await fetch(`${url}/write?db=${encodeURIComponent(database)}${query}`, {
        method: "POST",
        body,
      });
      return { status: answer.status, text: await answer.text() };
    },
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}
