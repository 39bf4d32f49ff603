/** Starts an engine's server on this machine for the length of a run, and stops it again. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { access, constants } from "node:fs/promises";
import { KurobeError } from "../../core/errors.ts";
import { openConnection } from "../resp/connection.ts";
import { type Reply } from "../resp/reply-reader.ts";
import { pinTo } from "./pinning.ts";
import { readTarget, type Target } from "./target.ts";

export interface LocalServerOptions {
  /** `redis`, `valkey`, or any other whose `<engine>-server` takes the same arguments. */
  readonly engine: string;
  /** Processor that the server is bound to; undefined leaves it to the system. */
  readonly core?: number | undefined;
  /** More lines of its configuration: `["--maxmemory", "100mb"]`. */
  readonly settings?: readonly string[];
  readonly name?: string;
  /** A free one is chosen otherwise. */
  readonly port?: number;
}

export interface LocalServer extends AsyncDisposable {
  readonly target: Target;
  readonly port: number;
  readonly directory: string;
  readonly process: ChildProcess;
  /** The processor that it is bound to; undefined where it is not. */
  readonly core: number | undefined;
}

const START_MS = 10_000;
const STOP_MS = 3000;
/** No persistence: a fork in the middle of a run would measure the disk. */
const SETTINGS = ["--save", "", "--appendonly", "no", "--daemonize", "no", "--bind", "127.0.0.1"];

/**
 * Servers of this process that run: an exit, however it comes about, must not leave them behind.
 */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Throws KRB_BENCH_NO_SERVER, or KRB_BENCH_SERVER_START with what the server printed. */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const program = `${options.engine}-server`;
  const path = await findProgram(program);
  if (path === undefined) {
    throw new KurobeError("KRB_BENCH_NO_SERVER", `${program} is not on the PATH`);
  }
  const pin = options.core === undefined ? undefined : await pinTo(options.core);
  const directory = await mkdtemp(join(tmpdir(), `kurobe-bench-${options.engine}-`));
  const port = options.port ?? (await freePort());
  const args = [...SETTINGS, "--port", String(port), "--dir", directory];
  const all = [...args, ...(options.settings ?? [])];
  const [command = path, ...words] = [...(pin ?? []), path, ...all];
  // In a group of its own: Ctrl-C must end the load first, and the server after it.
  const child = spawn(command, words, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: directory,
    detached: true,
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const printed: string[] = [];
  const keep = (chunk: Buffer): void => void printed.push(chunk.toString());
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const target = readTarget(`redis://127.0.0.1:${port}`, { name: options.name ?? options.engine });
  const server: LocalServer = {
    target,
    port,
    directory,
    process: child,
    core: pin === undefined ? undefined : options.core,
    async [Symbol.asyncDispose]() {
      await stop(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await answering(target, child);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    const message = `${program} did not start: ${printed.join("").trim().split("\n").at(-1) ?? ""}`;
    throw new KurobeError("KRB_BENCH_SERVER_START", message, { cause: error });
  }
}

/** The first executable of that name on the PATH. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== "" && isThere) return path;
  }
  return undefined;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function answering(target: Target, child: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + START_MS;
  for (;;) {
    if (hasEnded(child)) throw new Error("it ended by itself");
    try {
      if ((await ping(target)) === "PONG") return;
    } catch (error) {
      // A server that wants TLS or a password is up all the same.
      if (error instanceof KurobeError && error.code === "KRB_BENCH_REFUSED") return;
    }
    if (Date.now() > deadlineMs) throw new Error(`no answer within ${START_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function ping(target: Target): Promise<Reply> {
  await using connection = await openConnection(target);
  return await connection.call("PING");
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(timer);
}
