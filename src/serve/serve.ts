/**
 * The doors: HTTP requests become calls of the rooms behind, and what those say becomes answers.
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { KurobeError } from "../core/errors.ts";
import { type Door } from "./door.ts";
import { guardOf } from "./guard.ts";
import { lingerAfter } from "./lingering.ts";
import { codedError, PROBLEM_TYPE, problemOf, problemText, retryAfterSeconds } from "./problem.ts";
import { influxHandshakeRoutes } from "./influx/handshake.ts";
import { lineWriteRoutes } from "./influx/line-write.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { backfillRoutes } from "./routes/backfills.ts";
import { checkpointRoutes } from "./routes/checkpoints.ts";
import { datasetRoutes } from "./routes/datasets.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { healthRoutes } from "./routes/health.ts";
import { lateRowRoutes } from "./routes/late-rows.ts";
import { liveRoutes } from "./routes/live.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { openapiRoutes } from "./routes/openapi.ts";
import { pageRoutes } from "./routes/pages.ts";
import { replayRoutes } from "./routes/replays.ts";
import { rowsInRoutes } from "./routes/rows-in.ts";
import { sinkRoutes } from "./routes/sinks.ts";
import { sqlRoutes } from "./routes/sql.ts";
import { statusRoutes } from "./routes/status.ts";
import { verifyRoutes } from "./routes/verify.ts";

const ROUTES: readonly ((app: FastifyInstance, door: Door) => void)[] = [
  healthRoutes,
  rowsInRoutes,
  lineWriteRoutes,
  influxHandshakeRoutes,
  pageRoutes,
  datasetRoutes,
  deadLetterRoutes,
  lateRowRoutes,
  backfillRoutes,
  replayRoutes,
  sqlRoutes,
  liveRoutes,
  statusRoutes,
  alertRoutes,
  sinkRoutes,
  checkpointRoutes,
  verifyRoutes,
  metricsRoutes,
  openapiRoutes,
];

/** Puts the routes, the guard before them and the error answers after them onto a bare server. */
export function addDoors(app: FastifyInstance, door: Door): void {
  const paths = new PathBook(app);
  // Bodies stay streams: each route decides how much of what it reads, and how.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_, payload, done) => done(null, payload));
  const guard = guardOf(door.settings);
  app.addHook("onRequest", (request, reply, done) => {
    void reply.header("x-request-id", request.id);
    if (door.closing.signal.aborted) {
      void reply.header("connection", "close");
      throw new KurobeError("KRB_CORE_CLOSED", "the server is closing");
    }
    if (guard(request, reply) === "passed") done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.is404 ? "none" : (request.routeOptions.url ?? "none");
    door.metrics.requests.observe(
      request.method,
      route,
      reply.statusCode,
      reply.elapsedTime / 1000,
    );
    lingerAfter(request.raw);
    done();
  });
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.raw.url?.split("?")[0] ?? "";
    const methods = paths.methodsOf(path);
    if (methods.length === 0) {
      throw new KurobeError("KRB_SERVE_NOT_FOUND", `there is nothing at ${path.slice(0, 200)}`);
    }
    void reply.header("allow", methods.join(", "));
    throw new KurobeError("KRB_SERVE_METHOD", `${request.method} is no method of this path`);
  });
  for (const add of ROUTES) add(app, door);
}

/** Answers any error as a problem document. What is our fault goes to the log with its stack. */
export async function sendProblem(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const error = codedError(thrown);
  const problem = problemOf(error, request.id);
  const { domain } = error.entry;
  if (domain !== "user" && problem.status !== 429) {
    const level = domain === "internal" ? "error" : "warn";
    const route = request.routeOptions.url;
    reply.log[level](
      { err: error, code: error.code, requestId: request.id, route },
      "request failed",
    );
  }
  for (const name of ["etag", "link", "content-length"]) reply.removeHeader(name);
  const retryAfter = retryAfterSeconds(error);
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
  if (error.code === "KRB_SERVE_TOKEN") {
    reply.header("www-authenticate", 'Bearer realm="kurobe"');
  }
  if (error.code === "KRB_SERVE_ENCODING") {
    reply.header("accept-encoding", String(error.details["supported"]));
  }
  await reply
    .code(problem.status)
    .header("content-type", PROBLEM_TYPE)
    .header("cache-control", "no-store")
    .send(problemText(problem));
}

/** Remembers which methods each path has, for those who use another one. */
class PathBook {
  readonly #methods = new Map<string, Set<string>>();

  constructor(app: FastifyInstance) {
    app.addHook("onRoute", ({ url, method }) => {
      const methods = this.#methods.get(url) ?? new Set();
      for (const one of [method].flat()) methods.add(one);
      this.#methods.set(url, methods);
    });
  }

  methodsOf(path: string): readonly string[] {
    const parts = path.split("/");
    for (const [pattern, methods] of this.#methods) {
      const wanted = pattern.split("/");
      const fits = (part: string, index: number): boolean =>
        part.startsWith(":") ? parts[index] !== "" : part === parts[index];
      if (wanted.length === parts.length && wanted.every(fits)) return [...methods].sort();
    }
    return [];
  }
}
