/** Who may come in: the name they call us by, the page they come from, the token they hold. */
import { timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { type FastifyReply, type FastifyRequest } from "fastify";
import { KurobeError } from "../core/errors.ts";
import { influxAuthorization } from "./influx/influx-authorization.ts";
import { type ServeSettings } from "./serve-settings.ts";

/** Answered without a token, for those that only watch whether the process lives. */
export const PUBLIC_PATHS: ReadonlySet<string> = new Set([
  "/health/live",
  "/health/ready",
  "/health",
  "/ping",
]);

/** Host headers that were found to be good, so that each is taken apart once. */
const MAX_KNOWN_HOSTS = 100;
const CORS_METHODS = "GET, HEAD, POST, DELETE";
const CORS_HEADERS = [
  "Authorization",
  "Content-Type",
  "Content-Encoding",
  "Accept",
  "Idempotency-Key",
  "Kurobe-Producer",
  "Kurobe-Sequence",
  "If-None-Match",
  "Last-Event-ID",
].join(", ");
const CORS_EXPOSED = "ETag, Link, Retry-After, X-Request-Id, Idempotency-Replayed";

/** Gives the check that every request passes first. It throws coded errors. */
export function guardOf(
  settings: ServeSettings,
): (request: FastifyRequest, reply: FastifyReply) => "answered" | "passed" {
  const names = new Set([
    "localhost",
    ...(isIP(settings.host) === 0 ? [settings.host.toLowerCase()] : []),
    ...settings.allowedHosts.map((name) => name.toLowerCase()),
  ]);
  const origins = new Set(settings.allowedOrigins.map((origin) => origin.toLowerCase()));
  const knownHosts = new Set<string>();
  const expected = settings.token === null ? null : Buffer.from(`Bearer ${settings.token}`);
  return (request, reply) => {
    const { headers } = request;
    const host = headers.host ?? "";
    if (!knownHosts.has(host)) {
      checkHost(host, names);
      // IP addresses with ports are many: a client may not fill the memory with them.
      if (knownHosts.size < MAX_KNOWN_HOSTS) knownHosts.add(host);
    }
    if (headers.origin !== undefined) {
      const isForeign = checkOrigin(headers.origin, host, origins);
      if (isForeign) {
        reply.headers({
          "access-control-allow-origin": headers.origin,
          "access-control-expose-headers": CORS_EXPOSED,
          vary: "Origin",
        });
      }
      const isPreflight =
        request.method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
      if (isForeign && isPreflight) {
        reply.headers({
          "access-control-allow-methods": CORS_METHODS,
          "access-control-allow-headers": CORS_HEADERS,
          "access-control-max-age": "600",
        });
        void reply.code(204).send();
        return "answered";
      }
    }
    if (expected !== null && !PUBLIC_PATHS.has(request.routeOptions.url ?? "")) {
      checkToken(influxAuthorization(request) ?? headers.authorization, expected);
    }
    return "passed";
  };
}

/**
 * A page of another site can make its own name point to this machine, but cannot make a browser
 * send any other name: so only names that are ours are served. IP addresses cannot be re-pointed.
 */
function checkHost(header: string, names: ReadonlySet<string>): void {
  const name = hostName(header);
  if (isIP(name) !== 0 || names.has(name) || name.endsWith(".localhost")) return;
  throw new KurobeError(
    "KRB_SERVE_HOST",
    `this server is not called ${JSON.stringify(name.slice(0, 80))}`,
  );
}

/** The name without port, brackets and the root's dot, in lower case. */
function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(header);
  if (bracketed !== null) return bracketed[1] ?? "";
  return header.toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "");
}

/** True for another site's page that the settings allow; throws for one that they do not. */
function checkOrigin(origin: string, host: string, allowed: ReadonlySet<string>): boolean {
  if (allowed.has(origin.toLowerCase())) return true;
  if (URL.canParse(origin)) {
    const { protocol, host: from } = new URL(origin);
    const own = `${protocol}//${host}`;
    if (URL.canParse(own) && new URL(own).host === from) return false;
  }
  throw new KurobeError(
    "KRB_SERVE_ORIGIN",
    `pages of ${JSON.stringify(origin.slice(0, 80))} may not use this server`,
  );
}

/** Constant in time but for the length, which is no secret. */
function checkToken(header: string | undefined, expected: Buffer): void {
  if (header === undefined) {
    throw new KurobeError("KRB_SERVE_TOKEN", "the request has no token");
  }
  // The scheme's name may come in any case.
  const given = Buffer.from(header.replace(/^bearer +/i, "Bearer "));
  if (given.length === expected.length && timingSafeEqual(given, expected)) return;
  throw new KurobeError("KRB_SERVE_TOKEN", "the token is not the one of this server");
}
