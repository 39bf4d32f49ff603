/**
 * A server whose latencies are known: it answers each GET after its next delay, from 4 to 60 ms.
 * Two tools that measure the same thing must give the same percentiles of them. Runs as a process
 * of its own, and writes its port as the first line.
 */
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { type ServerProcess, startServerProcess } from "../../src/bench/target/server-process.ts";

const COUNT = 1000;
const GET = "*2\r\n$3\r\nGET\r\n";

/** Quantiles of a log-logistic distribution around 15 ms, in an order that looks random. */
function delaysMs(): readonly number[] {
  const quantile = (share: number): number =>
    Math.min(60, Math.max(4, 15 * (share / (1 - share)) ** 0.25));
  return Array.from({ length: COUNT }, (_, index) =>
    quantile((((index * 389) % COUNT) + 0.5) / COUNT),
  );
}

export async function startDelayedServer(
  valueBytes: number,
  command: readonly string[],
): Promise<ServerProcess> {
  const words = [...process.execArgv, fileURLToPath(import.meta.url), String(valueBytes)];
  return await startServerProcess({ name: "delayed server", words, command });
}

function serve(valueBytes: number): void {
  const reply = `$${valueBytes}\r\n${"x".repeat(valueBytes)}\r\n`;
  const delays = delaysMs();
  let next = 0;
  const server = createServer((socket) => {
    socket.setNoDelay(true).on("error", () => undefined);
    socket.on("data", (chunk) => {
      if (chunk.toString("latin1", 0, GET.length) !== GET) {
        socket.write("-ERR this server only answers GET\r\n");
        return;
      }
      setTimeout(() => socket.write(reply), delays[next]);
      next = (next + 1) % COUNT;
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.stdout.write(`${typeof address === "object" ? address?.port : 0}\n`);
  });
  // The parent is gone: so are we.
  process.stdin.on("end", () => process.exit()).resume();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve(Number(process.argv[2]));
