/**
 * A server that does nothing but answer, in a process of its own: what the load reaches against it
 * is the most that this client can do on this machine.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { KurobeError } from "../../core/errors.ts";
import { loadingScript } from "../own-code.ts";
import { readTarget, type Target } from "./target.ts";

export interface NullServer extends AsyncDisposable {
  readonly target: Target;
  readonly port: number;
}

/** `command` puts the process under another one: `["taskset", "-c", "0"]`. */
export async function startNullServer(
  valueBytes: number,
  command: readonly string[] = [],
): Promise<NullServer> {
  const script = loadingScript("null-server-process", import.meta.url);
  const [program, ...words] = [...command, process.execPath, "-e", script, String(valueBytes)];
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const port = Number(await firstLine(child));
  return {
    target: readTarget(`redis://127.0.0.1:${port}`, { name: "null server" }),
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

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await Promise.race([
    child.stdout === null ? [] : once(child.stdout, "data"),
    once(child, "exit").then(() => []),
  ])) as readonly unknown[];
  if (chunk !== undefined)
    return Buffer.from(chunk as Uint8Array)
      .toString()
      .trim();
  throw new KurobeError("KRB_BENCH_SERVER_START", "The null server did not start");
}
