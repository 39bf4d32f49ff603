/**
 * Sends Nexmark's events from a process of its own. Each lane is a producer with a connection for
 * each kind of event, and sends the three bodies of a slice together. The first slice goes out
 * before the others, so that the server knows all producers before one of them is ahead.
 */
import { readFile } from "node:fs/promises";
import { serveParent } from "../child.ts";
import { KINDS, type Kind, type NexmarkBody } from "../nexmark/bodies.ts";
import {
  CONTENT_TYPES,
  HttpConnection,
  rowsHead,
  sendRows,
  type Target,
} from "./http-connection.ts";

export interface SendNexmark {
  readonly target: Omit<Target, "dataset">;
  readonly lanes: readonly (readonly NexmarkBody[])[];
  /** The dataset that bids go to. */
  readonly bids: "bid" | "arriving_bid";
}

export interface SentNexmark {
  readonly elapsedMs: number;
  readonly accepted: number;
  readonly late: number;
  /** How often the server had no room for a body. */
  readonly refused: number;
}

serveParent<SendNexmark, SentNexmark>(async ({ target, lanes, bids }) => {
  const url = new URL(target.url);
  const ready = await Promise.all(
    lanes.map(async (bodies, lane) => ({
      named: `Kurobe-Producer: lane-${lane}`,
      bodies: await Promise.all(
        bodies.map(async ({ kind, file }) => ({ kind, body: await readFile(file) })),
      ),
      connections: new Map(
        await Promise.all(
          KINDS.map(async (kind) => [kind, await HttpConnection.open(url)] as const),
        ),
      ),
    })),
  );
  const totals = { accepted: 0, late: 0, refused: 0 };

  async function sendSlice(lane: (typeof ready)[number], slice: number): Promise<void> {
    const bodies = lane.bodies.slice(slice * KINDS.length, (slice + 1) * KINDS.length);
    await Promise.all(bodies.map(({ kind, body }) => sendBody(lane, kind, body)));
  }

  async function sendBody(lane: (typeof ready)[number], kind: Kind, body: Buffer): Promise<void> {
    const connection = lane.connections.get(kind);
    if (connection === undefined) throw new Error(`no connection for ${kind}`);
    const to = { ...target, dataset: kind === "bid" ? bids : kind };
    const head = rowsHead(to, CONTENT_TYPES.parquet, body.length, lane.named);
    const { answer, refused } = await sendRows(connection, head, body);
    totals.accepted += answer.accepted;
    totals.late += answer.late;
    totals.refused += refused;
  }

  return async () => {
    const startedMs = performance.now();
    await Promise.all(ready.map((lane) => sendSlice(lane, 0)));
    await Promise.all(
      ready.map(async (lane) => {
        const slices = lane.bodies.length / KINDS.length;
        for (let slice = 1; slice < slices; slice++) await sendSlice(lane, slice);
      }),
    );
    const elapsedMs = performance.now() - startedMs;
    for (const { connections } of ready) {
      for (const connection of connections.values()) connection[Symbol.dispose]();
    }
    return { elapsedMs, ...totals };
  };
});
