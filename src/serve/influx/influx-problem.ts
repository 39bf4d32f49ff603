/** Errors the way InfluxDB's clients expect them: they read status and message, not our code. */
import { type FastifyReply, type FastifyRequest } from "fastify";
import { type KurobeError } from "../../core/errors.ts";
import { codedError, problemOf, retryAfterSeconds } from "../problem.ts";

/** `v1` answers `{ error }`, `v2` `{ code, message }`. */
export type InfluxVersion = "v1" | "v2";

const CODES: ReadonlyMap<number, string> = new Map([
  [400, "invalid"],
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not found"],
  [405, "method not allowed"],
  [413, "request too large"],
  [415, "unsupported media type"],
  [422, "unprocessable entity"],
  [429, "too many requests"],
  [503, "unavailable"],
]);
const MAX_HEADER_LENGTH = 1000;

export async function sendInfluxProblem(
  version: InfluxVersion,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const error = codedError(thrown);
  if (error.entry.domain === "internal") {
    reply.log.error({ err: error, code: error.code, requestId: request.id }, "request failed");
  }
  const retryAfter = retryAfterSeconds(error);
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
  if (error.code === "KRB_SERVE_TOKEN") {
    reply.header("www-authenticate", version === "v1" ? 'Basic realm="kurobe"' : "Token");
  }
  const { detail, hint, code } = problemOf(error, request.id);
  reply.header("kurobe-error", code);
  await sendInfluxError(version, statusOf(version, error), `${detail}. ${hint}`, reply);
}

/**
 * Loaders of the first version (TSBS, older agents) know one sign of a server that is busy: a 500
 * whose text has "timeout" in it. The second has 429.
 */
function statusOf(version: InfluxVersion, error: KurobeError): number {
  return version === "v1" && error.code === "KRB_INGEST_BUSY" ? 500 : error.entry.http;
}

export async function sendInfluxError(
  version: InfluxVersion,
  status: number,
  text: string,
  reply: FastifyReply,
): Promise<void> {
  const message = version === "v1" && status === 500 ? `timeout: ${text}` : text;
  const oneLine = message.replace(/[^\x20-\x7e]+/g, " ").slice(0, MAX_HEADER_LENGTH);
  const body =
    version === "v1"
      ? { error: message }
      : { code: CODES.get(status) ?? "internal error", message };
  await reply
    .code(status)
    .headers({ "cache-control": "no-store", "x-influxdb-error": oneLine })
    .header("content-type", "application/json; charset=utf-8")
    .send(JSON.stringify(body));
}
