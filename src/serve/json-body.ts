/** Reads the small JSON bodies of commands, and says everything that is wrong with one at once. */
import { type FastifyRequest } from "fastify";
import { type z } from "zod";
import { KurobeError } from "../core/errors.ts";
import { parseInstant } from "../core/instant.ts";
import { parseMediaType } from "./media-type.ts";
import { announcedBytes, type BodyRoom, readBody } from "./request-body.ts";

export interface SmallBodyLimits {
  readonly maxBytes: number;
  readonly idleTimeoutMs: number;
}

/** The bytes of a body that has its own, small bound. */
export async function readSmallBody(
  request: FastifyRequest,
  limits: SmallBodyLimits,
): Promise<Buffer> {
  const checkSize = (sizeBytes: number): void => {
    if (sizeBytes <= limits.maxBytes) return;
    throw new KurobeError(
      "KRB_SERVE_BODY_TOO_LARGE",
      `the body is larger than ${limits.maxBytes} bytes`,
      { details: { maxBytes: limits.maxBytes } },
    );
  };
  checkSize(announcedBytes(request.raw) ?? 0);
  const room: BodyRoom = { grow: checkSize, [Symbol.dispose]: () => undefined };
  return readBody(request.raw, room, limits);
}

/** An empty body is the empty object. Throws KRB_SERVE_BODY, KRB_SERVE_MEDIA_TYPE. */
export async function readCommand<T>(
  request: FastifyRequest,
  schema: z.ZodType<T>,
  limits: SmallBodyLimits,
): Promise<T> {
  const body = await readSmallBody(request, limits);
  if (body.length > 0) requireJson(request.headers["content-type"]);
  return checkedJson(body.length === 0 ? "{}" : utf8Text(body), schema);
}

function requireJson(contentType: string | undefined): void {
  if (parseMediaType(contentType ?? "").type === "application/json") return;
  throw new KurobeError("KRB_SERVE_MEDIA_TYPE", "the body is not JSON", {
    details: { supported: ["application/json"] },
  });
}

/** Throws KRB_SERVE_BODY for bytes that are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new KurobeError("KRB_SERVE_BODY", "the body is not UTF-8", { cause });
  }
}

export function checkedJson<T>(text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "";
    throw new KurobeError("KRB_SERVE_BODY", `the body is no JSON: ${reason}`, { cause });
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    message,
  }));
  const [first] = problems;
  const where = first === undefined || first.path === "" ? "" : `${first.path}: `;
  throw new KurobeError("KRB_SERVE_BODY", `${where}${first?.message ?? "wrong body"}`, {
    details: { problems },
  });
}

/** A time of a command, in microseconds. Throws KRB_SERVE_BODY. */
export function timeOf(name: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const us = parseInstant(text);
  if (us !== undefined) return us;
  throw new KurobeError("KRB_SERVE_BODY", `${name}: ${JSON.stringify(text)} is no time`);
}
