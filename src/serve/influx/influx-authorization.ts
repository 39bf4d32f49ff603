/** The ways in which InfluxDB's clients carry a token, as the one way of this server. */
import { type FastifyRequest } from "fastify";

/**
 * Where InfluxDB's clients knock. Elsewhere a token in a URL would be a leak, so it is not read.
 */
const INFLUX_PATHS: ReadonlySet<string> = new Set(["/write", "/api/v2/write", "/query"]);

/**
 * An `Authorization: Bearer` header from `Token <token>`, `Token <user>:<token>`, a password
 * (`Basic`, or `p` of the URL) that is the token; undefined where the request has nothing of these.
 */
export function influxAuthorization(request: FastifyRequest): string | undefined {
  if (!INFLUX_PATHS.has(request.routeOptions.url ?? "")) return undefined;
  const { authorization } = request.headers;
  const [, scheme = "", credentials = ""] = /^(\w+) +(.*)$/.exec(authorization ?? "") ?? [];
  switch (scheme.toLowerCase()) {
    case "token":
      return bearer(afterUser(credentials));
    case "basic":
      return bearer(afterUser(Buffer.from(credentials, "base64").toString()));
    case "":
      return bearer((request.query as Readonly<Record<string, unknown>>)["p"]);
    default:
      return undefined;
  }
}

function afterUser(credentials: string): string {
  return credentials.slice(credentials.indexOf(":") + 1);
}

function bearer(token: unknown): string | undefined {
  return typeof token === "string" ? `Bearer ${token}` : undefined;
}
