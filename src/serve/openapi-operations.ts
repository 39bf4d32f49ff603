/** What each operation takes and gives, in words: one entry a route. */
import { z } from "zod";
import { type JsonSchema } from "./openapi-rows.ts";
import { RESULT_TYPES, SqlCommand } from "./routes/sql.ts";
import { SilenceCommand } from "./routes/alerts.ts";
import { BackfillBody } from "./routes/backfills.ts";
import { ReplayBody, ReplayEndBody } from "./routes/replays.ts";
import { CheckpointCommand } from "./routes/checkpoints.ts";
import { LateCommand } from "./routes/late-rows.ts";
import { LetterChoice } from "./routes/dead-letters.ts";
import { VerifyCommand } from "./routes/verify.ts";

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "header";
  readonly description: string;
  readonly schema: JsonSchema;
}

export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tag: "rows" | "sql" | "operate" | "watch";
  readonly parameters?: readonly Parameter[];
  /** Content type to schema. */
  readonly body?: Readonly<Record<string, JsonSchema>>;
  readonly isBodyOptional?: boolean;
  /** Status, what it means, content type to schema. */
  readonly answers: readonly (readonly [
    status: number,
    meaning: string,
    content: Readonly<Record<string, JsonSchema>>,
  ])[];
  /** Statuses of the problems that are this operation's own, besides 401 and the like. */
  readonly problems?: readonly number[];
  readonly isPublic?: boolean;
}

const text: JsonSchema = { type: "string" };
const count: JsonSchema = { type: "integer", minimum: 0 };
const object: JsonSchema = { type: "object" };
const binary: JsonSchema = {};
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: JsonSchema): Readonly<Record<string, JsonSchema>> => ({
  "application/json": schema,
});
const words = (...lines: readonly string[]): string => lines.join(" ");
const listOf = (name: string, items: JsonSchema): JsonSchema => ({
  type: "object",
  properties: { [name]: { type: "array", items } },
  required: [name],
});

function command(schema: z.ZodType): Readonly<Record<string, JsonSchema>> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return json(rest);
}

const query = (name: string, description: string, schema: JsonSchema): Parameter => ({
  name,
  in: "query",
  description,
  schema,
});
const header = (name: string, description: string, maxLength?: number): Parameter => ({
  name,
  in: "header",
  description,
  schema: maxLength === undefined ? text : { ...text, maxLength },
});

const STEP_LINES: Operation["answers"][number] = [
  200,
  "A line a step; the last line's `kind` is `done`, or `failed` with the problem.",
  { "application/x-ndjson": object },
];

function lineWrite(place: "db" | "bucket", units: readonly string[]): Operation {
  return {
    summary: `Take line protocol in (${place === "db" ? "InfluxDB 1" : "InfluxDB 2"})`,
    description: words(
      "Each point becomes a row of the dataset that takes its measurement. Answers when the rows are",
      "on disk and visible; points that cannot be taken are dead letters, and the answer is then 400",
      "with `partial write`. Errors have the form that InfluxDB's clients expect.",
    ),
    tag: "rows",
    parameters: [
      query(place, "Any name: all of them are the project.", text),
      query("precision", "Unit of the timestamps; nanoseconds if left out.", {
        type: "string",
        enum: units,
      }),
      header("Idempotency-Key", "Makes a retry of this request safe.", 256),
      header("Kurobe-Producer", "Whose watermark these points move.", 128),
    ],
    body: { "text/plain": { ...text, description: "One point a line." } },
    answers: [[204, "All points are stored.", {}]],
    problems: [400, 408, 413, 415, 429, 507],
  };
}

function live(summary: string, events: string): Operation {
  return {
    summary,
    description: words(
      `Server-sent events: ${events}.`,
      "A client that comes back with Last-Event-ID misses nothing, but older revisions of what was",
      "merged meanwhile. Where its id is not of this stream or beyond its end it gets `reset`, with",
      "the `reason`: it should read anew what it keeps, and goes on with what follows.",
    ),
    tag: "watch",
    parameters: [
      query("after", "Begin after this event id; 0 is the first. Left out: from now on.", text),
      query("last", "Begin with the newest so many rows.", { ...count, maximum: 10_000 }),
      query("from", "Begin with the first row written whose event time is at or after this.", text),
      header("Last-Event-ID", "Id of the last event that the client has; wins over the others."),
    ],
    answers: [[200, "Events without end.", { "text/event-stream": text }]],
    problems: [400, 404, 503],
  };
}

const influxQuery: Operation = {
  summary: "SHOW DATABASES and CREATE DATABASE, and nothing else of InfluxQL",
  tag: "operate",
  parameters: [query("q", "The statements.", text)],
  answers: [[200, "What InfluxDB would answer.", json(object)]],
  problems: [400],
};

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /v1/datasets/{name}/rows": {
    summary: "Take rows in",
    description: words(
      "Answers when the rows are on disk and visible. Bad rows become dead letters and the others",
      "go on. A repeated request with the same key gets the first answer again. Bodies may be",
      "compressed with gzip, deflate or br.",
    ),
    tag: "rows",
    parameters: [
      query("replay", "The rows are history, of the replay of this name, and not live.", {
        ...text,
        minLength: 1,
        maxLength: 128,
      }),
      query("onInvalid", "reject refuses the whole body if one row is bad.", {
        type: "string",
        enum: ["dead_letter", "reject"],
        default: "dead_letter",
      }),
      header("Idempotency-Key", "Makes a retry of this request safe.", 256),
      header("Kurobe-Producer", "Whose watermark these rows move.", 128),
      header("Kurobe-Sequence", "With the producer, makes a retry safe: a number that it counts."),
    ],
    body: {
      "application/x-ndjson": { ...ref("RowIn"), description: "One row a line." },
      "application/json": { anyOf: [ref("RowIn"), { type: "array", items: ref("RowIn") }] },
      "text/csv": { ...text, description: "With a header line." },
      "application/vnd.apache.parquet": binary,
    },
    answers: [[200, "What became of the rows.", json(ref("Ingested"))]],
    problems: [400, 404, 408, 413, 415, 422, 429, 507],
  },
  "POST /write": lineWrite("db", ["n", "u", "ms", "s", "m", "h"]),
  "POST /api/v2/write": lineWrite("bucket", ["ns", "us", "ms", "s"]),
  "GET /query": influxQuery,
  "POST /query": influxQuery,
  "GET /ping": {
    summary: "Is the server there, as InfluxDB's clients ask",
    tag: "operate",
    answers: [[204, "It is.", {}]],
    isPublic: true,
  },
  "GET /health": {
    summary: "Can it take and answer requests, as InfluxDB's clients ask",
    tag: "operate",
    answers: [[200, "It can.", json(object)]],
    problems: [503],
    isPublic: true,
  },
  "GET /v1/datasets/{name}/rows": {
    summary: "Read rows a page at a time",
    description: words(
      "By event time, newest first. Other parameters filter: `column=value`, or",
      "`column.gte=value` with eq, ne, gt, gte, lt, lte, in, null.",
    ),
    tag: "rows",
    parameters: [
      query("limit", "Rows a page.", { type: "integer", minimum: 1, maximum: 100, default: 20 }),
      query("order", "Of event time.", { type: "string", enum: ["asc", "desc"], default: "desc" }),
      query("columns", "Names with commas between them; all if left out.", text),
      query("cursor", "`next` of the page before.", text),
      header("If-None-Match", "ETag of the page that the client has."),
    ],
    answers: [
      [200, "A page.", json(ref("Page"))],
      [304, "The page is as it was.", {}],
    ],
    problems: [400, 404, 429, 503],
  },
  "GET /v1/datasets": {
    summary: "List what can be read",
    tag: "rows",
    answers: [[200, "Datasets, windows, dead letters.", json(listOf("datasets", ref("Dataset")))]],
  },
  "GET /v1/datasets/{name}": {
    summary: "Describe one dataset or window",
    tag: "rows",
    answers: [[200, "Columns and counts.", json(ref("Dataset"))]],
    problems: [404],
  },
  "GET /v1/datasets/{name}/dead-letters": {
    summary: "Read refused rows",
    tag: "rows",
    parameters: [query("limit", "The oldest so many.", { ...count, maximum: 1000, default: 20 })],
    answers: [[200, "The letters.", json(listOf("deadLetters", ref("DeadLetter")))]],
    problems: [400, 404],
  },
  "POST /v1/datasets/{name}/dead-letters/retry": {
    summary: "Send refused rows again",
    tag: "rows",
    body: command(LetterChoice),
    isBodyOptional: true,
    answers: [[200, "What became of them.", json(object)]],
    problems: [400, 404],
  },
  "DELETE /v1/datasets/{name}/dead-letters": {
    summary: "Throw refused rows away",
    tag: "rows",
    body: command(LetterChoice),
    isBodyOptional: true,
    answers: [[200, "How many.", json({ type: "object", properties: { purged: count } })]],
    problems: [400, 404],
  },
  "GET /v1/late-rows": {
    summary: "Count rows that came too late, by window",
    tag: "rows",
    parameters: [query("dataset", "Of this dataset only.", text)],
    answers: [[200, "Why they were late, how many, how late.", json(listOf("lateRows", object))]],
    problems: [400, 404],
  },
  "POST /v1/datasets/{name}/late-rows/replay": {
    summary: "Let late rows count in the windows that they missed",
    description: words(
      "Their windows are computed again from all stored rows; what differs is published as a new",
      "revision. Where the connection is closed, what is not done yet stays late.",
    ),
    tag: "rows",
    body: command(LateCommand),
    isBodyOptional: true,
    answers: [STEP_LINES],
    problems: [400, 404],
  },
  "GET /v1/replays": {
    summary: "History that is being loaded beside live rows",
    tag: "operate",
    answers: [[200, "How far each replay is.", json(listOf("replays", object))]],
    problems: [],
  },
  "PUT /v1/datasets/{name}/replays/{replay}": {
    summary: "Begin a replay, and name its producers",
    description: words(
      "Its watermark waits until each of them has sent a row. A replay whose producers need not be",
      "known begins with its first row.",
    ),
    tag: "operate",
    body: command(ReplayBody),
    isBodyOptional: true,
    answers: [[200, "How far it is.", json(object)]],
    problems: [400, 404, 409],
  },
  "POST /v1/datasets/{name}/replays/{replay}/end": {
    summary: "End a replay, or one of its producers",
    description: words(
      "Windows that wait for more of its rows are computed as they are, a bounded number of rows at a",
      "time; that goes on when the connection is closed, and after a restart.",
    ),
    tag: "operate",
    body: command(ReplayEndBody),
    isBodyOptional: true,
    answers: [STEP_LINES],
    problems: [400, 404],
  },
  "GET /v1/backfills": {
    summary: "The last backfill of each window",
    tag: "operate",
    answers: [
      [200, "How far each is, and what it has changed.", json(listOf("backfills", object))],
    ],
    problems: [],
  },
  "POST /v1/windows/{name}/backfill": {
    summary: "Compute windows that are over again from all stored rows",
    description: words(
      "Newest first, a bounded number of rows at a time; what differs is published as a new",
      "revision. It goes on when the connection is closed, and after a restart.",
    ),
    tag: "operate",
    body: command(BackfillBody),
    isBodyOptional: true,
    answers: [STEP_LINES],
    problems: [400, 404, 409],
  },
  "DELETE /v1/windows/{name}/backfill": {
    summary: "Cancel a backfill; what is computed stays",
    tag: "operate",
    answers: [[200, "How far it came.", json(object)]],
    problems: [404],
  },
  "POST /v1/sql": {
    summary: "Ask SQL",
    description: words(
      "One SELECT over datasets and windows. An error after the first bytes cuts the connection:",
      "an answer without its end is not whole.",
    ),
    tag: "sql",
    body: { ...command(SqlCommand), "text/plain": text },
    answers: [
      [
        200,
        "The result, in the type that Accept asks for.",
        Object.fromEntries(
          RESULT_TYPES.map((type) => [type, type === "application/json" ? ref("Result") : binary]),
        ),
      ],
    ],
    problems: [400, 403, 404, 406, 413, 415, 429, 503, 504],
  },
  "GET /v1/windows/{name}/live": live(
    "Watch window results",
    words(
      "`result` for a closed window, `correction` for a new revision of one,",
      "`retraction` for a result that has no rows any more, `early` for what an open window comes to",
      'so far, where it has `emit: "update"`',
    ),
  ),
  "GET /v1/datasets/{name}/live": live(
    "Watch rows as they are written",
    "`row` for each one; of windows and dead letters the same events as for window results",
  ),
  "GET /v1/status": {
    summary: "What the machine is doing",
    tag: "operate",
    answers: [[200, "Positions, counts, memory.", json(object)]],
  },
  "GET /v1/alerts": {
    summary: "List alerts with what is pending and firing",
    tag: "operate",
    answers: [[200, "Counts, groups in alarm, silences.", json(listOf("alerts", object))]],
  },
  "POST /v1/alerts/{name}/silence": {
    summary: "Notify nobody of an alert, or of some of its groups, for a time",
    tag: "operate",
    body: command(SilenceCommand),
    answers: [[200, "Its state.", json(object)]],
    problems: [400, 404],
  },
  "DELETE /v1/alerts/{name}/silence": {
    summary: "End the silences of an alert",
    tag: "operate",
    answers: [[200, "Its state.", json(object)]],
    problems: [404],
  },
  "POST /v1/alerts/{name}/test": {
    summary: "Send a test notification through the alert's sinks",
    tag: "operate",
    answers: [[200, "Its state.", json(object)]],
    problems: [404],
  },
  "GET /v1/sinks": {
    summary: "List sinks with what waits for them",
    tag: "operate",
    answers: [[200, "State and lag of each.", json(listOf("sinks", object))]],
  },
  "POST /v1/sinks/{name}/pause": {
    summary: "Stop delivering to a sink until it is resumed",
    tag: "operate",
    answers: [[200, "Its state.", json(object)]],
    problems: [404],
  },
  "POST /v1/sinks/{name}/resume": {
    summary: "Deliver to a sink again",
    tag: "operate",
    answers: [[200, "Its state.", json(object)]],
    problems: [404],
  },
  "POST /v1/sinks/{name}/retry": {
    summary: "Try a sink that fails or is blocked again now",
    tag: "operate",
    answers: [[200, "Its state.", json(object)]],
    problems: [404],
  },
  "GET /v1/checkpoints": {
    summary: "List checkpoints, newest first",
    tag: "operate",
    answers: [[200, "The list.", json(listOf("checkpoints", ref("Checkpoint")))]],
  },
  "POST /v1/checkpoints": {
    summary: "Take a checkpoint now",
    tag: "operate",
    body: command(CheckpointCommand),
    isBodyOptional: true,
    answers: [[201, "It is on disk.", json(ref("Checkpoint"))]],
    problems: [503],
  },
  "POST /v1/verify": {
    summary: "Check every durable file: checkpoint, chunks and log",
    tag: "operate",
    body: command(VerifyCommand),
    isBodyOptional: true,
    answers: [
      [
        200,
        "A line a file; the last line's `kind` is `done`, or `failed` with the problem.",
        { "application/x-ndjson": object },
      ],
    ],
  },
  "GET /health/live": {
    summary: "Does the process answer",
    tag: "operate",
    answers: [[200, "It does.", json(object)]],
    isPublic: true,
  },
  "GET /health/ready": {
    summary: "Can it take and answer requests",
    tag: "operate",
    answers: [[200, "It can.", json(object)]],
    problems: [503],
    isPublic: true,
  },
  "GET /metrics": {
    summary: "Metrics for Prometheus",
    tag: "operate",
    answers: [[200, "Text format 0.0.4.", { "text/plain": text }]],
  },
  "GET /openapi.json": {
    summary: "This document",
    tag: "operate",
    answers: [[200, "OpenAPI 3.1.", json(object)]],
  },
};
