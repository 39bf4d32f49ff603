/** A real `kurobe start` for tests: the built package, its supervisor, its engine, over HTTP. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { createInterface } from "node:readline";

const ROOT = resolve(import.meta.dirname, "../..");
const MAIN = join(ROOT, "dist/cli/main.js");

export interface ServerOptions {
  /** An empty directory for the project and its data. */
  readonly directory: string;
  /** Text of `kurobe.config.ts`. */
  readonly project: string;
  readonly args?: readonly string[];
  /** Default `start`. */
  readonly verb?: "start" | "dev";
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly directory: string;
  /** Process id of the engine as of the last time it was ready. */
  enginePid(): number;
  /** How often the engine has been ready so far. */
  readyCount(): number;
  /** Everything written to stderr. */
  errors(): string;
  readonly supervisor: ChildProcess;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  sql(statement: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  send(dataset: string, body: string | Uint8Array, init?: SendOptions): Promise<Response>;
  /** Resolves when the server answers that it is ready. */
  ready(): Promise<void>;
  /** `kurobe <args>` against this server, with `--json`; gives what it wrote. */
  kurobe(...args: readonly string[]): Promise<CommandResult & { readonly json: unknown }>;
  /** Ends it with the signal; gives the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
}

export const TOKEN = "test-token";

/** A directory for a project and its data, removed at the end. */
export async function projectDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "kurobe-e2e-"));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export async function writeProject(directory: string, project: string): Promise<void> {
  await mkdir(join(directory, "node_modules"), { recursive: true });
  if (!existsSync(join(directory, "node_modules/kurobe"))) {
    await symlink(ROOT, join(directory, "node_modules/kurobe"), "dir");
  }
  await writeFile(join(directory, "kurobe.config.ts"), project);
}

export interface CommandResult {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `kurobe <args>` in the directory, to its end. */
export async function runKurobe(
  directory: string,
  args: readonly string[],
): Promise<CommandResult> {
  if (!existsSync(MAIN)) throw new Error("the package is not built: npm run build");
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { code: child.exitCode, stdout, stderr };
}

/** A start that is expected to fail; gives the error that it ended with. */
export async function failedStart(
  options: ServerOptions,
): Promise<CommandResult & { readonly error: Readonly<Record<string, unknown>> }> {
  await writeProject(options.directory, options.project);
  const result = await runKurobe(options.directory, ["start", ...START, ...(options.args ?? [])]);
  const at = result.stderr.lastIndexOf('{\n  "error"');
  if (at < 0) throw new Error(`it failed without a word: ${JSON.stringify(result)}`);
  const { error } = JSON.parse(result.stderr.slice(at)) as { error: Record<string, unknown> };
  return { ...result, error };
}

const START = ["--port", "0", "--token", TOKEN, "--json", "--log-level", "warn"];

/** Resolves when the engine is ready. Throws with its stderr when it ends before that. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  if (!existsSync(MAIN)) throw new Error("the package is not built: npm run build");
  const { directory, project, args = [], verb = "start" } = options;
  await writeProject(directory, project);
  const supervisor = spawn(process.execPath, [MAIN, verb, ...START, ...args], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return await follow(supervisor, directory);
}

async function follow(supervisor: ChildProcess, directory: string): Promise<RunningServer> {
  let errors = "";
  supervisor.stderr?.on("data", (text: Buffer) => (errors += text.toString()));
  const readies: { url: string; pid: number }[] = [];
  const waiting: (() => void)[] = [];
  let report = "";
  if (supervisor.stdout !== null) {
    createInterface({ input: supervisor.stdout }).on("line", (line) => {
      report += line;
      // Each report is one JSON object over several lines; it ends with a brace of its own.
      if (line !== "}") return;
      readies.push(JSON.parse(report) as { url: string; pid: number });
      report = "";
      for (const wake of waiting.splice(0)) wake();
    });
  }
  const ended = once(supervisor, "exit");
  const first = new Promise<void>((wake) => waiting.push(wake));
  await Promise.race([
    first,
    ended.then(([code]) => {
      throw new Error(`kurobe start ended with code ${String(code)}:\n${errors}`);
    }),
  ]);
  const last = (): { url: string; pid: number } => readies.at(-1) ?? { url: "", pid: 0 };
  const authorization = { authorization: `Bearer ${TOKEN}` };
  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${last().url}${path}`, {
      ...init,
      headers: { ...authorization, ...Object.fromEntries(new Headers(init.headers)) },
    });
  return {
    get url() {
      return last().url;
    },
    token: TOKEN,
    directory,
    enginePid: () => last().pid,
    readyCount: () => readies.length,
    errors: () => errors,
    supervisor,
    fetch: request,
    send: (dataset, body, { headers = {}, query = "" } = {}) =>
      request(`/v1/datasets/${dataset}/rows${query}`, {
        method: "POST",
        body,
        headers: { "content-type": "application/x-ndjson", ...headers },
      }),
    sql: async (statement) => {
      const response = await request("/v1/sql", {
        method: "POST",
        headers: { "content-type": "text/plain", accept: "application/x-ndjson" },
        body: statement,
      });
      const answer = await response.text();
      if (!response.ok) throw new Error(`${response.status}: ${answer}`);
      return answer
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    },
    ready: async () => {
      for (let tries = 0; tries < 600; tries++) {
        const response = await request("/health/ready").catch(() => undefined);
        if (response?.ok === true) return;
        await new Promise((wake) => setTimeout(wake, 50));
      }
      throw new Error(`the server does not become ready:\n${errors}`);
    },
    kurobe: async (...args) => {
      const address = ["--url", last().url, "--token", TOKEN, "--json"];
      const result = await runKurobe(directory, [...args, ...address]);
      const json: unknown = result.stdout === "" ? undefined : JSON.parse(result.stdout);
      return { ...result, json };
    },
    stop: async (signal) => {
      supervisor.kill(signal);
      await ended;
      return supervisor.exitCode;
    },
    [Symbol.asyncDispose]: async () => {
      if (supervisor.exitCode !== null) return;
      supervisor.kill("SIGTERM");
      await ended;
    },
  };
}
