/**
 * A server that does nothing but answer, in a process of its own: what the load reaches against it
 * is the most that this client can do on this machine.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type * as netModule from "node:net";
import { KurobeError } from "../../core/errors.ts";
import { readTarget, type Target } from "./target.ts";

type NetModule = typeof netModule;

export interface NullServer extends AsyncDisposable {
  readonly target: Target;
  readonly port: number;
}

/** `command` puts the process under another one: `["taskset", "-c", "0"]`. */
export async function startNullServer(
  valueBytes: number,
  command: readonly string[] = [],
): Promise<NullServer> {
  const source = `var __name = (f) => f; (${answerAlways.toString()})(require("node:net"), ${valueBytes})`;
  const [program, ...words] = [...command, process.execPath, "-e", source];
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

/**
 * Runs in the child, from its text: it knows nothing outside of itself. GETs and SETs of one length
 * are counted by their bytes; all else is read as commands, and refused.
 */
function answerAlways(net: NetModule, valueBytes: number): void {
  const MOST = 1024;
  const value = Buffer.from(`$${valueBytes}\r\n${"x".repeat(valueBytes)}\r\n`);
  const ok = Buffer.from("+OK\r\n");
  const many = { get: Buffer.alloc(value.length * MOST), set: Buffer.alloc(ok.length * MOST) };
  many.get.fill(value);
  many.set.fill(ok);
  const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    let length = 0;
    let carry = 0;
    let replies = many.get;
    let size = value.length;
    socket.on("data", (chunk) => {
      const text = length === 0 ? chunk.toString("latin1", 0, 4096) : "";
      if (length === 0 && !/^\*[23]\r\n\$3\r\n[GS]ET\r\n/.test(text)) {
        const commands = text.match(/\*\d+\r\n\$\d+\r\n[A-Za-z]/g)?.length ?? 0;
        socket.write("-ERR this server only answers GET and SET\r\n".repeat(commands));
        return;
      }
      if (length === 0) {
        const isSet = text.startsWith("*3");
        replies = isSet ? many.set : many.get;
        size = isSet ? ok.length : value.length;
        // Header, then as many arguments as it says, each with its own length.
        let at = 4;
        for (let left = isSet ? 3 : 2; left > 0; left--) {
          const end = text.indexOf("\r\n", at);
          at = end + 2 + Number(text.slice(at + 1, end)) + 2;
        }
        length = at;
      }
      carry += chunk.length;
      let count = Math.floor(carry / length);
      carry -= count * length;
      for (; count > 0; count -= MOST) {
        socket.write(count >= MOST ? replies : replies.subarray(0, count * size));
      }
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.stdout.write(`${typeof address === "object" ? address?.port : 0}\n`);
  });
  // The parent is gone: so are we.
  process.stdin.on("end", () => process.exit()).resume();
}
