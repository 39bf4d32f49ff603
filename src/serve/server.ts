/** Listens: opens the port with its bounds, and closes it without cutting answers off. */
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { type AddressInfo, type Socket } from "node:net";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import { KurobeError } from "../core/errors.ts";
import { type Plan } from "../plan/plan.ts";
import { Door, type Recovery } from "./door.ts";
import { LiveFeeds } from "./live-feed.ts";
import { Metrics } from "./metrics.ts";
import { rawProblem } from "./problem.ts";
import { type Rooms } from "./rooms.ts";
import { addDoors, sendProblem } from "./serve.ts";
import { checkBind, type ServeSettings } from "./serve-settings.ts";

export interface ServeDeps {
  readonly settings: ServeSettings;
  /** Of pino, or what looks like it. */
  readonly log: FastifyBaseLogger;
  /** Left out while the log is still being read back: `open` brings them later. */
  readonly rooms?: Rooms;
}

/** Disposing refuses new requests, waits for those in work, and then closes what is left. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Until now everything but /health/live and /metrics was answered with 503. */
  open(rooms: Rooms): void;
  /** What those who are told to wait are told. */
  recovering(progress: Recovery): void;
}

/** Node looks this often for requests that take longer than they may. */
const CHECK_TIMEOUTS_MS = 1000;
/** While closing, connections that have become idle are closed this often. */
const CLOSE_IDLE_MS = 50;
const MAX_HEADER_BYTES = 16_384;
const MAX_NAME_LENGTH = 300;

/** Throws KRB_SERVE_INSECURE_BIND and KRB_SERVE_ADDRESS. */
export async function openServer(plan: Plan, deps: ServeDeps): Promise<Server> {
  const { settings, log } = deps;
  checkBind(settings);
  const metrics = new Metrics();
  const door = new Door(plan, settings, packageVersion(), metrics);
  const app = bareServer(settings, log);
  addDoors(app, door);
  try {
    await app.listen({ host: settings.host, port: settings.port });
  } catch (cause) {
    metrics[Symbol.dispose]();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new KurobeError(
      "KRB_SERVE_ADDRESS",
      `cannot listen on ${settings.host}:${settings.port}: ${reason}`,
      { cause },
    );
  }
  const server = new OpenServer(app, door);
  if (deps.rooms !== undefined) server.open(deps.rooms);
  return server;
}

class OpenServer implements Server {
  readonly port: number;
  readonly url: string;
  readonly #app: FastifyInstance;
  readonly #door: Door;
  #feeds: LiveFeeds | null = null;
  #closing: Promise<void> | null = null;
  readonly #connections = new Set<Socket>();

  constructor(app: FastifyInstance, door: Door) {
    this.#app = app;
    this.#door = door;
    const { host, tls } = door.settings;
    app.server.on(tls === null ? "connection" : "secureConnection", (socket: Socket) => {
      this.#connections.add(socket);
      socket.once("close", () => this.#connections.delete(socket));
    });
    this.port = (app.server.address() as AddressInfo).port;
    const name = host.includes(":") ? `[${host}]` : host;
    this.url = `${tls === null ? "http" : "https"}://${name}:${this.port}`;
  }

  open(rooms: Rooms): void {
    this.#feeds = new LiveFeeds(this.#door.plan, rooms);
    this.#door.open(rooms, this.#feeds);
  }

  recovering(progress: Recovery): void {
    this.#door.recovery = progress;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { server } = this.#app;
    this.#door.closing.abort();
    // Browsers open connections ahead of need; Node does not count those as idle.
    for (const socket of this.#connections) if (socket.bytesRead === 0) socket.destroy();
    const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
    const bound = setTimeout(
      () => server.closeAllConnections(),
      this.#door.settings.shutdownTimeoutMs,
    );
    try {
      await this.#app.close();
    } finally {
      clearInterval(idle);
      clearTimeout(bound);
      await this.#feeds?.[Symbol.asyncDispose]();
      this.#door.metrics[Symbol.dispose]();
    }
  }
}

function bareServer(settings: ServeSettings, log: FastifyBaseLogger): FastifyInstance {
  const prefix = Math.trunc(performance.timeOrigin).toString(36);
  let requests = 0;
  return Fastify({
    // Its "Server listening" would come before the doors open for good; the caller says when.
    loggerInstance: log.child({}, { level: log.level === "silent" ? "silent" : "error" }),
    // One log for all: a child logger a request is a tenth of what a small request costs.
    childLoggerFactory: () => log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => `${prefix}-${(requests++).toString(36)}`,
    return503OnClosing: false,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: MAX_NAME_LENGTH },
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
    clientErrorHandler: (error, socket) => answerBroken(error, socket),
    serverFactory: (handler) => listener(settings, handler),
  });
}

function listener(settings: ServeSettings, handler: http.RequestListener): http.Server {
  const { tls } = settings;
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: CHECK_TIMEOUTS_MS,
    headersTimeout: Math.min(settings.headersTimeoutMs, settings.requestTimeoutMs),
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    noDelay: true,
  };
  const server =
    tls === null
      ? http.createServer(options, handler)
      : https.createServer({ ...options, key: tls.key, cert: tls.cert }, handler);
  server.maxConnections = settings.maxConnections;
  return server;
}

/** The answer that Node is writing on a connection, if there is one. */
interface Pending {
  readonly _httpMessage?: http.ServerResponse | null;
}

/** What came was no request, or not in time: there is nothing but a connection to answer on. */
function answerBroken(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const answer = rawProblem(brokenRequest(error), "none");
  const pending = (socket as Pending)._httpMessage ?? null;
  if (pending === null) {
    socket.end(answer);
  } else if (pending.req.complete) {
    // The broken bytes came after a whole request, whose sender still gets its own answer first.
    pending.once("finish", () => socket.end(answer));
    pending.once("close", () => socket.destroySoon());
  } else if (pending.headersSent) {
    socket.destroy();
  } else {
    socket.end(answer);
    // Ends the reading of the body that will not come.
    pending.req.destroy();
  }
}

function brokenRequest(error: Error & { readonly code?: string }): KurobeError {
  if (error.code === "HPE_HEADER_OVERFLOW") {
    return new KurobeError(
      "KRB_SERVE_HEADERS_TOO_LARGE",
      `the headers are larger than ${MAX_HEADER_BYTES} bytes`,
    );
  }
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new KurobeError("KRB_SERVE_TIMEOUT", "the request did not come in time");
  }
  return new KurobeError("KRB_SERVE_BAD_REQUEST", "this is no HTTP request", { cause: error });
}

function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version: string };
  return version;
}
