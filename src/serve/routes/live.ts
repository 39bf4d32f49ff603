/** Window results as they are published: `GET /v1/windows/{name}/live`, server-sent events. */
import { once } from "node:events";
import { type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { type Door } from "../door.ts";
import { EVENTS_A_PAGE, type LiveFeed } from "../live-feed.ts";
import { countParameter, parametersOf } from "../url-parameters.ts";

/** Commits that come close together are read together. */
const READ_EVERY_MS = 50;
/** After a read that took long, a rest of so many times that: watching takes a fifth of a core. */
const REST_FACTOR = 4;
/** A client that takes nothing for this long is let go; it can resume where it was. */
const STALLED_MS = 30_000;
const RECONNECT_AFTER_MS = 1000;

export function liveRoutes(app: FastifyInstance, door: Door): void {
  let clients = 0;
  app.get<{ Params: { name: string } }>(
    "/v1/windows/:name/live",
    { exposeHeadRoute: false },
    async (request, reply) => {
      const feed = door.feeds.of(request.params.name);
      const resumeAt = placeOf(request);
      if (clients >= door.settings.maxLiveClients) {
        throw new KurobeError("KRB_SERVE_TOO_MANY_CLIENTS", `${clients} clients are watching`);
      }
      clients += 1;
      door.metrics.liveClients.set(clients);
      try {
        const seq = resumeAt ?? (await feed.lastSeq());
        await watch(feed, seq, reply, door);
      } finally {
        clients -= 1;
        door.metrics.liveClients.set(clients);
      }
    },
  );
}

/** Where to go on: from the header that browsers send again, or from the URL at first. */
function placeOf(request: FastifyRequest): number | undefined {
  const { after } = parametersOf(request, ["after"]);
  const header = request.headers["last-event-id"];
  const text = typeof header === "string" && header !== "" ? header : after;
  if (text === undefined) return undefined;
  const bounds = { from: 0, to: Number.MAX_SAFE_INTEGER, otherwise: 0 };
  return countParameter("Last-Event-ID", text, bounds);
}

/** Resolves when the client has gone or the server closes. */
async function watch(feed: LiveFeed, from: number, reply: FastifyReply, door: Door): Promise<void> {
  reply.hijack();
  const response = reply.raw;
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once("close", leave);
  door.closing.signal.addEventListener("abort", leave, { once: true });
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(": heartbeat\n\n");
  }, door.settings.heartbeatMs);
  try {
    response.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    // The id alone is no event, but a client that reconnects before the first one names it.
    response.write(`retry: ${RECONNECT_AFTER_MS}\nid: ${from}\n\n`);
    await sendAll(feed, from, response, gone.signal);
    response.end();
  } catch (error) {
    reply.log.warn({ err: error, requestId: reply.request.id }, "a live stream ended");
    response.destroy();
  } finally {
    clearInterval(heartbeat);
    response.off("close", leave);
    door.closing.signal.removeEventListener("abort", leave);
  }
}

async function sendAll(
  feed: LiveFeed,
  from: number,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  let place = from;
  while (!signal.aborted) {
    const { version } = feed;
    const startedMs = performance.now();
    const events = await feed.after(place);
    const restMs = Math.max(READ_EVERY_MS, (performance.now() - startedMs) * REST_FACTOR);
    const last = events.at(-1);
    if (last !== undefined && !signal.aborted) {
      place = last.seq;
      if (!response.write(events.map((event) => event.text).join(""))) {
        await taken(response, signal);
      }
    }
    if (events.length < EVENTS_A_PAGE) {
      await feed.changedSince(version, signal);
      await delay(restMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function taken(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(STALLED_MS)]);
  await once(response, "drain", { signal: patience }).catch(() => undefined);
  if (response.writableNeedDrain && !signal.aborted) {
    throw new Error("the client takes nothing any more");
  }
}
