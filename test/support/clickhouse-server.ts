/**
 * The real engine of ClickHouse behind its HTTP interface, in a process and directory of its own.
 */
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../src/bench/target/local-server.ts";
import { ROOT } from "../source-files.ts";

export interface ClickHouseServer extends AsyncDisposable {
  readonly url: string;
  /** Gives the rows as the server's own text in JSON. */
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Ends the process in the middle of what it does. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Installs chdb when it is missing. */
export async function startClickHouse(): Promise<ClickHouseServer> {
  execFileSync(join(ROOT, "scripts", "install-chdb.sh"), { stdio: "ignore" });
  const directory = mkdtempSync(join(tmpdir(), "kurobe-clickhouse-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const launch = async (): Promise<ReturnType<typeof fork>> => {
    const child = fork(join(ROOT, "test/support/chdb/server.mjs"), [directory, String(port)], {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    await once(child, "message");
    return child;
  };
  let child = await launch();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  return {
    url,
    kill,
    start: async () => {
      child = await launch();
    },
    async query(text) {
      const quoted =
        "output_format_json_quote_64bit_integers=1&output_format_json_quote_decimals=1";
      const response = await fetch(`${url}/?${quoted}`, {
        method: "POST",
        body: /^SELECT/i.test(text) ? `${text} FORMAT JSONEachRow` : text,
      });
      const answer = await response.text();
      if (!response.ok) throw new Error(answer);
      const lines = answer.split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
