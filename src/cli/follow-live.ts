/** Follows a live stream for as long as it takes: a connection that breaks is made again. */
import { setTimeout as delay } from "node:timers/promises";
import { isKurobeError } from "../core/errors.ts";
import { type Client } from "./client.ts";
import { readEvents, type ServerEvent } from "./read-events.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

export interface Following {
  readonly client: Client;
  readonly path: string;
  /** Where to begin, until there is an event to go on after. */
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** The connection broke (why), or is there again (null). */
  readonly onBreak: (reason: string | null) => void;
}

/**
 * Events in the groups in which they arrive, each once. Ends when `signal` is aborted. Throws what
 * the server says to the first request, and later what trying again cannot help.
 */
export async function* followLive(options: Following): AsyncGenerator<readonly ServerEvent[]> {
  const { client, path, query, signal, onBreak } = options;
  let lastId: string | undefined;
  let pauseMs = FIRST_PAUSE_MS;
  let isBroken = false;
  for (;;) {
    try {
      const headers = { accept: "text/event-stream" };
      const response = await client.send("GET", path, {
        ...(lastId === undefined ? { query } : {}),
        headers: { ...headers, ...(lastId === undefined ? {} : { "last-event-id": lastId }) },
        signal,
      });
      if (isBroken) onBreak(null);
      isBroken = false;
      for await (const events of readEvents(response)) {
        pauseMs = FIRST_PAUSE_MS;
        lastId = events.at(-1)?.id ?? lastId;
        const told = events.filter(({ kind }) => kind !== "");
        if (told.length > 0) yield told;
      }
      if (signal.aborted) return;
      onBreak("the server has closed the stream");
    } catch (error) {
      if (signal.aborted) return;
      if (lastId === undefined || !mayPass(error)) throw error;
      if (!isBroken) onBreak(error instanceof Error ? error.message : String(error));
    }
    isBroken = true;
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

/** A server that is away, starts, or is full comes back; a wrong token stays wrong. */
function mayPass(error: unknown): boolean {
  return isKurobeError(error) && error.entry.domain === "external";
}
