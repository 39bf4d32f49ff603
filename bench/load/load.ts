/** The load that the cases share: what to send, to whom, and what came of it. */
import { startChild } from "../child.ts";
import { type KurobeServer } from "../kurobe-server.ts";
import { type Bodies } from "../ticks.ts";
import { type SendBodies, type SentBodies } from "./send-bodies.ts";

/** Enough that the server never waits for a body, and that one group commit covers several. */
export const IN_FLIGHT = 4;

export interface LoadOptions {
  readonly inFlight?: number;
  readonly hours?: number;
  readonly firstHour?: number;
  readonly everyMs?: number;
}

/** Sends all bodies once (or `hours` times) and checks that every row of them was accepted. */
export async function sendBodies(
  server: KurobeServer,
  bodies: Bodies,
  { inFlight = IN_FLIGHT, hours = 1, firstHour = 0, everyMs = 0 }: LoadOptions = {},
): Promise<SentBodies> {
  const { target } = server;
  const { format, files } = bodies;
  const task: SendBodies = { target, format, files, inFlight, hours, firstHour, everyMs };
  using sender = await startChild<SentBodies>("load/send-bodies.ts", task);
  const sent = await sender.go();
  const expected = bodies.rows * hours;
  if (sent.accepted !== expected) {
    throw new Error(
      `${sent.accepted} of ${expected} rows were accepted: ${JSON.stringify({ ...sent, requests: [] })}`,
    );
  }
  return sent;
}

export function rowsPerSecond(rows: number, elapsedMs: number): number {
  return (rows * 1000) / elapsedMs;
}
