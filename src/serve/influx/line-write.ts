/** Takes line protocol in, at the addresses that InfluxDB's clients know. */
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { type Ingest } from "../../ingest/ingest.ts";
import { type Door } from "../door.ts";
import { announcedBytes, readBody } from "../request-body.ts";
import { senderOf } from "../sender.ts";
import { type InfluxVersion, sendInfluxError, sendInfluxProblem } from "./influx-problem.ts";

type Outcome = Awaited<ReturnType<Ingest["acceptLines"]>>;
type TimeUnit = Parameters<Ingest["acceptLines"]>[0]["timeUnit"];

/** Both versions of the protocol name units; the first has more of them, and shorter names. */
const UNITS: Readonly<Record<InfluxVersion, ReadonlyMap<string, TimeUnit>>> = {
  v1: new Map<string, TimeUnit>([
    ["n", "ns"],
    ["ns", "ns"],
    ["u", "us"],
    ["us", "us"],
    ["µ", "us"],
    ["ms", "ms"],
    ["s", "s"],
    ["m", "m"],
    ["h", "h"],
  ]),
  v2: new Map<string, TimeUnit>([
    ["ns", "ns"],
    ["us", "us"],
    ["ms", "ms"],
    ["s", "s"],
  ]),
};

/** Room is held for a body whose length nobody announced: it grows from here. */
const FIRST_ROOM_BYTES = 64 * 1024;
/** A line in an error message. */
const MAX_LINE_SHOWN = 200;

export function lineWriteRoutes(app: FastifyInstance, door: Door): void {
  const route = (path: string, version: InfluxVersion, place: "db" | "bucket"): void => {
    app.post(
      path,
      {
        errorHandler: (error, request, reply) =>
          void sendInfluxProblem(version, error, request, reply),
      },
      async (request, reply) => {
        const parameters = request.query as Readonly<Record<string, unknown>>;
        requirePlace(parameters, place);
        await writeLines(request, reply, door, version);
      },
    );
  };
  route("/write", "v1", "db");
  route("/api/v2/write", "v2", "bucket");
}

/** A database is only a name here: every one of them is the project. */
function requirePlace(parameters: Readonly<Record<string, unknown>>, name: "db" | "bucket"): void {
  if (typeof parameters[name] === "string" && parameters[name] !== "") return;
  const what = name === "db" ? "database" : "bucket";
  throw new KurobeError("KRB_SERVE_PARAMETER", `${what} is required`);
}

async function writeLines(
  request: FastifyRequest,
  reply: FastifyReply,
  door: Door,
  version: InfluxVersion,
): Promise<void> {
  const { ingest } = door.rooms;
  const timeUnit = unitOf(request, version);
  const { producer, idempotencyKey } = senderOf(request.headers);
  using room = ingest.reserve(announcedBytes(request.raw) ?? FIRST_ROOM_BYTES);
  const body = await readBody(request.raw, room, {
    idleTimeoutMs: door.settings.bodyIdleTimeoutMs,
  });
  door.metrics.receivedBytes.inc(body.length);
  const outcome = await ingest.acceptLines({ body, timeUnit, producer, idempotencyKey });
  if (outcome.replayed) reply.header("idempotency-replayed", "true");
  const failure = failureOf(outcome, body);
  if (failure !== undefined) return sendInfluxError(version, 400, failure, reply);
  await reply.code(204).send();
}

function unitOf(request: FastifyRequest, version: InfluxVersion): TimeUnit {
  const { precision } = request.query as Readonly<Record<string, unknown>>;
  if (precision === undefined || precision === "") return "ns";
  const unit = typeof precision === "string" ? UNITS[version].get(precision) : undefined;
  if (unit !== undefined) return unit;
  const given = typeof precision === "string" ? JSON.stringify(precision.slice(0, 40)) : "twice";
  const known = [...UNITS[version].keys()].join(", ");
  const message = `invalid precision ${given}; valid precision units are ${known}`;
  throw new KurobeError("KRB_SERVE_PARAMETER", message);
}

/** What InfluxDB says where points were dropped; ours are in the dead letters. */
function failureOf(outcome: Outcome, body: Uint8Array): string | undefined {
  if (outcome.kind === "refused") return `${outcome.reason}. ${outcome.hint}`;
  if (outcome.rejected === 0) return undefined;
  const reasons = outcome.errors.map(
    ({ line, reason }) => `unable to parse '${lineAt(body, line)}': ${reason}`,
  );
  const text = reasons.join("\n");
  if (outcome.rejected === outcome.received) return text;
  return `partial write: ${text} dropped=${outcome.rejected}`;
}

function lineAt(body: Uint8Array, line: number): string {
  let start = 0;
  for (let count = 1; count < line; count++) start = body.indexOf(10, start) + 1;
  const end = body.indexOf(10, start);
  const bytes = body.subarray(start, end < 0 ? body.length : end);
  const text = Buffer.from(bytes.subarray(0, MAX_LINE_SHOWN)).toString().trim();
  return bytes.length > MAX_LINE_SHOWN ? `${text}…` : text;
}
