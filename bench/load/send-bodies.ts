/**
 * Sends large bodies from a process of its own. They are in memory before the clock starts, so on
 * this side a body costs one write to a socket.
 *
 * Each connection is a producer of its own that sends every n-th body, in order, as shards of a
 * source do: bodies that overtake each other between connections then make no row late. It
 * introduces itself with one row before the clock starts, because the watermark waits for producers
 * that it knows.
 */
import { readFile } from "node:fs/promises";
import { serveParent } from "../child.ts";
import {
  CONTENT_TYPES,
  HttpConnection,
  rowsHead,
  sendRows,
  type Target,
} from "./http-connection.ts";
import { HourShift } from "./hour-shift.ts";
import { TICKS_START } from "../ticks.ts";

const INTRODUCTION = "HELLO";

export interface SendBodies {
  readonly target: Target;
  readonly format: keyof typeof CONTENT_TYPES;
  readonly files: readonly string[];
  /** Requests on their way at the same time, one a connection. */
  readonly inFlight: number;
  /** NDJSON only: sends the files again, each time an hour later, until this many times in all. */
  readonly hours: number;
  /** The first of those hours, counted from the one in the files. */
  readonly firstHour: number;
  /**
   * Starts a request every so often, whether or not earlier ones were answered; 0: as fast as it
   * goes.
   */
  readonly everyMs: number;
}

export interface SentBodies {
  readonly elapsedMs: number;
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly late: number;
  readonly refused: number;
  readonly requests: readonly SentRequest[];
}

/**
 * Times are milliseconds of the clock that all processes share. With a pace, `start` is when it was
 * due.
 */
export interface SentRequest {
  readonly startMs: number;
  readonly endMs: number;
}

const clockMs = (): number => performance.timeOrigin + performance.now();

serveParent<SendBodies, SentBodies>(async (task) => {
  const { target, files, inFlight, hours, firstHour } = task;
  const bodies = await Promise.all(files.map((file) => readFile(file)));
  const shifts = hours > 1 || firstHour > 0 ? bodies.map((body) => new HourShift(body)) : null;
  const url = new URL(target.url);
  const connections = await Promise.all(
    Array.from({ length: inFlight }, () => HttpConnection.open(url)),
  );
  for (const [producer, connection] of connections.entries()) {
    await introduce(connection, producer, task);
  }
  return async () => {
    const totals = { received: 0, accepted: 0, rejected: 0, late: 0, refused: 0 };
    const requests: SentRequest[] = [];
    const startedMs = clockMs();
    const sendAll = async (connection: HttpConnection, producer: number): Promise<void> => {
      for (let index = producer; ; index += inFlight) {
        const hour = Math.floor(index / bodies.length);
        const body = bodies[index % bodies.length];
        if (hour >= hours || body === undefined) return;
        shifts?.[index % bodies.length]?.to(firstHour + hour);
        const dueMs = startedMs + index * task.everyMs;
        if (task.everyMs > 0 && dueMs > clockMs()) await sleep(dueMs - clockMs());
        const startMs = task.everyMs > 0 ? dueMs : clockMs();
        const named = `Kurobe-Producer: bench-${producer}`;
        const head = rowsHead(target, CONTENT_TYPES[task.format], body.length, named);
        const { answer, refused } = await sendRows(connection, head, body);
        totals.refused += refused;
        requests.push({ startMs, endMs: clockMs() });
        totals.received += answer.received;
        totals.accepted += answer.accepted;
        totals.rejected += answer.rejected;
        totals.late += answer.late;
      }
    };
    await Promise.all(connections.map(sendAll));
    const elapsedMs = clockMs() - startedMs;
    for (const connection of connections) connection[Symbol.dispose]();
    return { elapsedMs, ...totals, requests };
  };
});

/**
 * One row at the very start of the first hour; its symbol tells it from the rows that are counted.
 */
async function introduce(
  connection: HttpConnection,
  producer: number,
  task: SendBodies,
): Promise<void> {
  if (task.target.dataset !== "ticks") return;
  const at = Date.parse(TICKS_START) + task.firstHour * 3_600_000;
  const ts = `${new Date(at).toISOString().slice(0, 23)}${String(producer).padStart(3, "0")}Z`;
  const body = Buffer.from(`${JSON.stringify({ ts, symbol: INTRODUCTION, price: 1, qty: 1 })}\n`);
  const named = `Kurobe-Producer: bench-${producer}`;
  const head = rowsHead(task.target, CONTENT_TYPES.ndjson, body.length, named);
  const answer = await connection.send(head, body);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body.toString()}`);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
