/** Answers SQL: `POST /v1/sql`, in the format that `Accept` asks for. */
import { type FastifyInstance, type FastifyRequest } from "fastify";
import { z } from "zod";
import { KurobeError } from "../../core/errors.ts";
import { CONTENT_TYPES, type ResultFormat } from "../../query/format/format.ts";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { checkedJson, readSmallBody, utf8Text } from "../json-body.ts";
import { negotiate, parseMediaType } from "../media-type.ts";
import { goneSignal, sendStreamed } from "../stream-answer.ts";
import { parametersOf } from "../url-parameters.ts";

/** JSON.parse has rounded it by the time that we see it, and could not say so. */
const number = z
  .number()
  .refine(
    (value) => !Number.isInteger(value) || isExact(value),
    "send integers beyond 2^53 as text",
  );
const parameter = z.union([z.string(), number, z.boolean(), z.null()]);

function isExact(value: number): boolean {
  return Number.isSafeInteger(value) || Math.abs(value) >= 2 ** 64;
}

export const SqlCommand = z.strictObject({
  sql: z.string().min(1),
  /** A list for `$1` or `?`, an object for `$name`. */
  parameters: z.union([z.array(parameter), z.record(z.string(), parameter)]).optional(),
  /** Rows; a longer result is an error, never cut silently. */
  limit: z.int().positive().optional(),
  timeoutMs: z.int().positive().optional(),
});
type SqlCommand = z.infer<typeof SqlCommand>;

const FORMATS: ReadonlyMap<string, ResultFormat> = new Map(
  (Object.entries(CONTENT_TYPES) as [ResultFormat, string][]).map(([format, type]) => [
    parseMediaType(type).type,
    format,
  ]),
);

/** What `Accept` may ask for; JSON where it has no opinion. */
export const RESULT_TYPES: readonly string[] = [...FORMATS.keys()];

export function sqlRoutes(app: FastifyInstance, door: Door): void {
  app.post("/v1/sql", async (request, reply) => {
    parametersOf(request, []);
    const { query } = door.rooms;
    const format = FORMATS.get(negotiate(request.headers.accept, RESULT_TYPES)) ?? "json";
    const { sql, parameters, limit, timeoutMs } = await readSql(request, door);
    const answer = await query.ask({
      sql,
      parameters,
      format,
      signal: AbortSignal.any([goneSignal(reply), door.closing.signal]),
      maxRows: limit,
      timeLimitMs: timeoutMs,
    });
    reply.header("cache-control", "no-store").header("vary", "Accept, Authorization");
    await sendStreamed(reply, answer);
    return reply;
  });
}

async function readSql(request: FastifyRequest, door: Door): Promise<SqlCommand> {
  const { type } = parseMediaType(request.headers["content-type"] ?? "");
  if (type !== "application/json" && type !== "text/plain" && type !== "application/sql") {
    throw new KurobeError("KRB_SERVE_MEDIA_TYPE", "the body is neither JSON nor SQL text", {
      details: { supported: ["application/json", "text/plain"] },
    });
  }
  const text = utf8Text(await readSmallBody(request, commandLimits(door)));
  return type === "application/json" ? checkedJson(text, SqlCommand) : { sql: text };
}
