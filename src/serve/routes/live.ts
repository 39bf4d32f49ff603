/** Rows and window results as they come: `GET /v1/…/{name}/live`, server-sent events. */
import { once } from "node:events";
import { type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { INSTANT_EXAMPLES, parseInstant } from "../../core/instant.ts";
import { type Door } from "../door.ts";
import { EVENTS_A_PAGE, type LiveFeed, type LivePlace } from "../live-feed.ts";
import { countParameter, parametersOf } from "../url-parameters.ts";

/** Commits that come close together are read together. */
const READ_EVERY_MS = 50;
/** After a read that took long, a rest of so many times that: watching takes a fifth of a core. */
const REST_FACTOR = 4;
/** A client that takes nothing for this long is let go; it can resume where it was. */
const STALLED_MS = 30_000;
const RECONNECT_AFTER_MS = 1000;

/** Rows that a client may ask to see again at first. */
const MAX_LAST_ROWS = 10_000;

interface Named {
  readonly Params: { readonly name: string };
}

export function liveRoutes(app: FastifyInstance, door: Door): void {
  let clients = 0;
  const serve = async (
    feed: LiveFeed,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> => {
    const start = startOf(request);
    if (clients >= door.settings.maxLiveClients) {
      throw new KurobeError("KRB_SERVE_TOO_MANY_CLIENTS", `${clients} clients are watching`);
    }
    clients += 1;
    door.metrics.liveClients.set(clients);
    try {
      await watch(feed, await placeIn(feed, start), reply, door);
    } finally {
      clients -= 1;
      door.metrics.liveClients.set(clients);
    }
  };
  const options = { exposeHeadRoute: false };
  app.get<Named>("/v1/windows/:name/live", options, (request, reply) =>
    serve(door.feeds.ofWindow(request.params.name), request, reply),
  );
  app.get<Named>("/v1/datasets/:name/live", options, (request, reply) =>
    serve(door.feeds.ofRelation(request.params.name), request, reply),
  );
}

/** Where to begin: from the header that browsers send again, or from the URL at first. */
type Start =
  | { readonly kind: "now" }
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "seq"; readonly seq: number }
  | { readonly kind: "last"; readonly rows: number }
  | { readonly kind: "from"; readonly fromUs: bigint };

function startOf(request: FastifyRequest): Start {
  const { after, last, from } = parametersOf(request, ["after", "last", "from"]);
  const header = request.headers["last-event-id"];
  if (typeof header === "string" && header !== "") return { kind: "id", id: header };
  if ([after, last, from].filter((one) => one !== undefined).length > 1) {
    throw new KurobeError("KRB_SERVE_PARAMETER", "after, last and from are not for each other");
  }
  if (last !== undefined) {
    const bounds = { from: 0, to: MAX_LAST_ROWS, otherwise: 0 };
    return { kind: "last", rows: countParameter("last", last, bounds) };
  }
  if (from !== undefined) {
    const fromUs = parseInstant(from);
    if (fromUs !== undefined) return { kind: "from", fromUs };
    const examples = `such as ${INSTANT_EXAMPLES}`;
    throw new KurobeError("KRB_SERVE_PARAMETER", `from is not a time ${examples}`);
  }
  if (after === undefined) return { kind: "now" };
  if (after.includes(".")) return { kind: "id", id: after };
  const bounds = { from: 0, to: Number.MAX_SAFE_INTEGER, otherwise: 0 };
  return { kind: "seq", seq: countParameter("after", after, bounds) };
}

async function placeIn(feed: LiveFeed, start: Start): Promise<LivePlace> {
  switch (start.kind) {
    case "now":
      return { seq: feed.lastSeq };
    case "id":
      return feed.resumeAt(start.id);
    case "seq":
      return start.seq > feed.lastSeq ? { seq: feed.lastSeq, reset: "beyond" } : start;
    case "last":
      return { seq: start.rows === 0 ? feed.lastSeq : await feed.beforeLast(start.rows) };
    case "from":
      return { seq: await feed.beforeTime(start.fromUs) };
  }
}

/** Resolves when the client has gone or the server closes. */
async function watch(
  feed: LiveFeed,
  { seq, reset }: LivePlace,
  reply: FastifyReply,
  door: Door,
): Promise<void> {
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
    response.write(`retry: ${RECONNECT_AFTER_MS}\nid: ${feed.idOf(seq)}\n\n`);
    if (reset !== undefined) {
      const data = JSON.stringify({ reason: reset });
      response.write(`id: ${feed.idOf(seq)}\nevent: reset\ndata: ${data}\n\n`);
    }
    await sendAll(feed, seq, response, gone.signal);
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
