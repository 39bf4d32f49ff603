/** A server of our own in a process of its own, which writes its port as the first line. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { KurobeError } from "../../core/errors.ts";
import { readTarget, type Target } from "./target.ts";

export interface ServerProcess extends AsyncDisposable {
  readonly target: Target;
  readonly port: number;
}

export interface ServerProcessOptions {
  readonly name: string;
  /** What Node is told to run, with its arguments. The input of the process ends with ours. */
  readonly words: readonly string[];
  /** Puts the process under another one: `["taskset", "-c", "0"]`. */
  readonly command?: readonly string[] | undefined;
}

/** Throws KRB_BENCH_SERVER_START. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, command = [] } = options;
  const [program = process.execPath, ...words] = [...command, process.execPath, ...options.words];
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const line = await firstLine(child);
  if (line === undefined) {
    throw new KurobeError("KRB_BENCH_SERVER_START", `The ${name} did not start`);
  }
  const port = Number(line);
  return {
    target: readTarget(`redis://127.0.0.1:${port}`, { name }),
    port,
    async [Symbol.asyncDispose]() {
      process.removeListener("exit", kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      kill();
      await exited;
    },
  };
}

/** Undefined where the process ended without one. */
async function firstLine(child: ChildProcess): Promise<string | undefined> {
  const [chunk] = (await Promise.race([
    child.stdout === null ? [] : once(child.stdout, "data"),
    once(child, "exit").then(() => []),
  ])) as readonly unknown[];
  return chunk === undefined
    ? undefined
    : Buffer.from(chunk as Uint8Array)
        .toString()
        .trim();
}
