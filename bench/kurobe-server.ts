/** The real server, built and started as a user starts it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { type Target } from "./load/http-connection.ts";
import { processTree } from "./processes.ts";
import { REPOSITORY } from "./workspace.ts";

const MAIN = join(REPOSITORY, "dist", "cli", "main.js");
const READY_WITHIN_MS = 120_000;

const PROJECTS = {
  ticks: "bench/projects/ticks",
  "ticks-plain": "bench/projects/ticks-plain",
  "ticks-keyed": "bench/projects/ticks-keyed",
  "ticks-minute": "bench/projects/ticks-minute",
  "ticks-sliding": "bench/projects/ticks-sliding",
  nexmark: "bench/nexmark",
  delivery: "bench/projects/delivery",
  alerts: "bench/projects/alerts",
  flights: "examples/flights",
} as const;

export type BenchProject = keyof typeof PROJECTS;

export interface ServerOptions {
  readonly project: BenchProject;
  readonly data: string;
  /** `KUROBE_*` settings, and what the project reads of the environment. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** As far as the benchmarks read `GET /v1/status`. */
export interface ServerStatus {
  readonly memoryRows: number;
  readonly lastCheckpoint: { readonly elapsedMs: number } | null;
  readonly recovered: {
    readonly entries: number;
    readonly rows: number;
    readonly elapsedMs: number;
  };
  readonly datasets: readonly {
    readonly name: string;
    readonly storedRows: number;
    readonly chunks: number;
    readonly chunkBytes: number;
    readonly lateRows: number;
  }[];
  readonly windows: readonly {
    readonly name: string;
    readonly published: number;
    readonly corrected: number;
  }[];
  readonly log: { readonly bytes: number; readonly syncs: number };
}

/** As far as the benchmarks read `GET /v1/sinks`. */
export interface SinkProgress {
  readonly name: string;
  readonly delivered: number;
  readonly lastError: { readonly message: string } | null;
}

export class KurobeServer implements AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** From the start of the process until it said that it is ready. */
  readonly readyAfterMs: number;
  readonly #process: ChildProcess;
  readonly #project: BenchProject;

  private constructor(
    child: ChildProcess,
    project: BenchProject,
    url: string,
    data: string,
    readyAfterMs: number,
  ) {
    this.#process = child;
    this.#project = project;
    this.url = url;
    this.token = readFileSync(join(data, "token"), "utf8").trim();
    this.readyAfterMs = readyAfterMs;
  }

  static async start({ project, data, settings = {} }: ServerOptions): Promise<KurobeServer> {
    if (!existsSync(MAIN)) throw new Error("dist/ is missing: run `npm run build` first");
    const port = await freePort();
    const startedMs = performance.now();
    const child = spawn(process.execPath, [MAIN, "start", "--data", data, "--port", String(port)], {
      cwd: join(REPOSITORY, PROJECTS[project]),
      env: { ...process.env, KUROBE_LOG_LEVEL: "warn", ...settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = createWriteStream(`${data}.output`, { flags: "a" });
    child.stdout?.pipe(output);
    child.stderr?.pipe(output);
    const url = `http://127.0.0.1:${port}`;
    try {
      await untilReady(url, child);
    } catch (error) {
      child.kill("SIGKILL");
      const said = existsSync(`${data}.output`) ? readFileSync(`${data}.output`, "utf8") : "";
      throw new Error(`kurobe start failed: ${String(error)}\n${said.slice(-2000)}`, {
        cause: error,
      });
    }
    return new KurobeServer(child, project, url, data, performance.now() - startedMs);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get target(): Target {
    return {
      url: this.url,
      token: this.token,
      dataset: this.#project === "flights" ? "flights" : "ticks",
    };
  }

  async status(): Promise<ServerStatus> {
    return (await this.#ask("GET", "/v1/status")) as ServerStatus;
  }

  /** Resolves when everything that was in memory is in chunks. */
  async checkpoint(): Promise<void> {
    await this.#ask("POST", "/v1/checkpoints");
  }

  /** One request of NDJSON; resolves when its rows are acknowledged. */
  async send(dataset: string, body: string): Promise<void> {
    const response = await fetch(`${this.url}/v1/datasets/${dataset}/rows`, {
      method: "POST",
      headers: { ...this.headers(), "content-type": "application/x-ndjson" },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text}`);
  }

  async sink(name: string, action: "pause" | "resume"): Promise<void> {
    await this.#ask("POST", `/v1/sinks/${name}/${action}`);
  }

  async sinkState(name: string): Promise<SinkProgress> {
    const { sinks } = (await this.#ask("GET", "/v1/sinks")) as {
      readonly sinks: readonly SinkProgress[];
    };
    const found = sinks.find((sink) => sink.name === name);
    if (found === undefined) throw new Error(`there is no sink ${name}`);
    return found;
  }

  /** The answer's rows, values in column order. */
  async sql(text: string): Promise<readonly (readonly unknown[])[]> {
    const answer = (await this.#ask("POST", "/v1/sql", { sql: text })) as {
      readonly rows: readonly (readonly unknown[])[];
    };
    return answer.rows;
  }

  headers(accept = "application/json"): Record<string, string> {
    return { authorization: `Bearer ${this.token}`, accept, "content-type": "application/json" };
  }

  /** SIGKILL to the supervisor and everything under it, at once. */
  async kill(): Promise<void> {
    const tree = processTree(this.pid);
    const gone = once(this.#process, "exit");
    for (const pid of tree) process.kill(pid, "SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 60_000);
    await gone;
    clearTimeout(timer);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: body === undefined ? { authorization: `Bearer ${this.token}` } : this.headers(),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const giveUpMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < giveUpMs) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const isReady = await fetch(`${url}/health/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`it was not ready within ${READY_WITHIN_MS / 1000} s`);
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
