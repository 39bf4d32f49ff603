/**
 * What clients of InfluxDB ask before they write: is it there, which databases has it, make this
 * one. Nothing more of InfluxQL is answered: questions go to `POST /v1/sql`.
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { type Door } from "../door.ts";
import { readSmallBody } from "../json-body.ts";
import { sendInfluxProblem } from "./influx-problem.ts";

const MAX_QUERY_BYTES = 64 * 1024;
const SHOW_DATABASES = /^show\s+databases$/i;
const CREATE_DATABASE = /^create\s+database\s+("(?:[^"\\]|\\.)+"|\w+)(\s+with\s+[^;]*)?$/i;

export function influxHandshakeRoutes(app: FastifyInstance, door: Door): void {
  const name = `kurobe-${door.version}`;
  app.get("/ping", (request, reply) => {
    const { verbose } = request.query as Readonly<Record<string, unknown>>;
    void reply.headers({ "x-influxdb-build": "Kurobe", "x-influxdb-version": name });
    if (verbose === "true" || verbose === "1") return reply.send({ version: name });
    return reply.code(204).send();
  });

  app.get("/health", (_, reply) => {
    const { isOpen } = door;
    const body = {
      name: "kurobe",
      status: isOpen ? "pass" : "fail",
      message: isOpen ? "ready for queries and writes" : "the data directory is being opened",
      checks: [],
      version: door.version,
    };
    return reply
      .code(isOpen ? 200 : 503)
      .header("cache-control", "no-store")
      .send(body);
  });

  app.route({
    method: ["GET", "POST"],
    url: "/query",
    errorHandler: (error, request, reply) => void sendInfluxProblem("v1", error, request, reply),
    handler: async (request, reply) => answerQuery(request, reply, door),
  });
}

async function answerQuery(
  request: FastifyRequest,
  reply: FastifyReply,
  door: Door,
): Promise<FastifyReply> {
  const statements = (await queryText(request, door))
    .split(";")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  if (statements.length === 0) {
    throw new KurobeError("KRB_SERVE_PARAMETER", 'missing required parameter "q"');
  }
  const results = statements.map((statement, index) => ({
    statement_id: index,
    ...resultOf(statement, door),
  }));
  return reply
    .headers({ "cache-control": "no-store", "x-influxdb-version": `kurobe-${door.version}` })
    .send({ results });
}

/** In the URL, or in a form, as Telegraf sends it. */
async function queryText(request: FastifyRequest, door: Door): Promise<string> {
  const { q } = request.query as Readonly<Record<string, unknown>>;
  if (typeof q === "string") return q;
  if (request.method !== "POST") return "";
  const body = await readSmallBody(request, {
    maxBytes: MAX_QUERY_BYTES,
    idleTimeoutMs: door.settings.bodyIdleTimeoutMs,
  });
  return new URLSearchParams(body.toString()).get("q") ?? "";
}

function resultOf(statement: string, door: Door): object {
  if (SHOW_DATABASES.test(statement)) {
    return { series: [{ name: "databases", columns: ["name"], values: [[door.plan.name]] }] };
  }
  // Every name of a database is the project: there is nothing to make.
  if (CREATE_DATABASE.test(statement)) return {};
  const found = JSON.stringify(statement.slice(0, 60));
  throw new KurobeError(
    "KRB_SERVE_PARAMETER",
    `error parsing query: only SHOW DATABASES and CREATE DATABASE are answered, not ${found}`,
    { hint: "Ask SQL at POST /v1/sql." },
  );
}
