/**
 * Sends many small requests over many connections from a process of its own. Each connection has
 * one buffer with its request, in which only the digits of the times change from one request to the
 * next.
 */
import { serveParent } from "../child.ts";
import { HttpConnection, rowsHead, type Target } from "./http-connection.ts";

export interface SendSmall {
  readonly target: Target;
  readonly connections: number;
  readonly rowsPerRequest: number;
  readonly durationMs: number;
  /** Event time from one row to the next. */
  readonly everyUs: number;
  readonly startUs: number;
}

export interface SentSmall {
  readonly elapsedMs: number;
  readonly requests: number;
  readonly rows: number;
  readonly latenciesMs: readonly number[];
}

const TIME_LENGTH = "2025-01-06T00:00:00.000000Z".length;
const SYMBOLS = 500;

serveParent<SendSmall, SentSmall>(async (task) => {
  const url = new URL(task.target.url);
  const connections = await Promise.all(
    Array.from({ length: task.connections }, () => HttpConnection.open(url)),
  );
  return async () => {
    const latenciesMs: number[] = [];
    let nextUs = task.startUs;
    const startedMs = performance.now();
    const sendUntilDone = async (connection: HttpConnection, index: number): Promise<void> => {
      const { request, places } = requestBuffer(task, index);
      while (performance.now() - startedMs < task.durationMs) {
        for (const place of places) {
          request.write(timeText(nextUs), place, "latin1");
          nextUs += task.everyUs;
        }
        const sentMs = performance.now();
        const answer = await connection.send(request);
        latenciesMs.push(performance.now() - sentMs);
        if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body.toString()}`);
      }
    };
    await Promise.all(connections.map(sendUntilDone));
    const elapsedMs = performance.now() - startedMs;
    for (const connection of connections) connection[Symbol.dispose]();
    const requests = latenciesMs.length;
    return { elapsedMs, requests, rows: requests * task.rowsPerRequest, latenciesMs };
  };
});

function requestBuffer(
  task: SendSmall,
  index: number,
): { readonly request: Buffer; readonly places: readonly number[] } {
  const lines = Array.from({ length: task.rowsPerRequest }, (_, row) => {
    const symbol = `SYM${String((index * 7 + row * 13) % SYMBOLS).padStart(5, "0")}`;
    return `{"ts":"${timeText(task.startUs)}","symbol":"${symbol}","price":${100 + row}.25,"qty":${1 + row}}\n`;
  });
  const body = Buffer.from(lines.join(""));
  const head = rowsHead(task.target, "application/x-ndjson", body.length);
  const request = Buffer.concat([head, body]);
  const places: number[] = [];
  const mark = Buffer.from('"ts":"');
  for (let at = request.indexOf(mark); at >= 0; at = request.indexOf(mark, at + TIME_LENGTH)) {
    places.push(at + mark.length);
  }
  return { request, places };
}

function timeText(us: number): string {
  const ms = Math.floor(us / 1000);
  return `${new Date(ms).toISOString().slice(0, 23)}${String(us - ms * 1000).padStart(3, "0")}Z`;
}
