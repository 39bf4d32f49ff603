/** The OpenAPI 3.1 document of one plan: every route, with the rows of its datasets. */
import { type DatasetPlan, type Plan } from "../plan/plan.ts";
import { type Operation, OPERATIONS } from "./openapi-operations.ts";
import { type JsonSchema, rowInSchema, rowOutSchema } from "./openapi-rows.ts";
import { STATUS_CODES } from "node:http";

/** Problems that any path with a token may answer. */
const COMMON_PROBLEMS = [401, 403, 421, 503];

export function openapiOf(
  plan: Plan,
  readable: readonly DatasetPlan[],
  version: string,
): JsonSchema {
  return {
    openapi: "3.1.0",
    info: {
      title: `Kurobe: ${plan.name}`,
      version,
      description: "Rows in durably, exact windows, SQL out.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    tags: ["rows", "sql", "watch", "operate"].map((name) => ({ name })),
    security: [{ token: [] }],
    paths: pathsOf(plan, readable),
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: schemasOf(plan, readable),
    },
  };
}

function pathsOf(plan: Plan, readable: readonly DatasetPlan[]): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = route.split(" ");
    const item = (paths[path] ??= {});
    item[method.toLowerCase()] = operationOf(route, operation, namesFor(route, plan, readable));
  }
  return paths;
}

/** What `{name}` may be. */
function namesFor(route: string, plan: Plan, readable: readonly DatasetPlan[]): readonly string[] {
  if (route.includes("/windows/")) return plan.windows.map((window) => window.name);
  if (route.includes("/alerts/")) return plan.alerts.map((alert) => alert.name);
  if (route.includes("/sinks/")) return plan.sinks.map((sink) => sink.name);
  const isRead = /^GET \/v1\/datasets\/\{name\}(?:\/rows|\/live)?$/.test(route);
  return (isRead ? readable : plan.datasets).map((dataset) => dataset.name);
}

function operationOf(route: string, operation: Operation, names: readonly string[]): JsonSchema {
  const { summary, description, tag, parameters = [], body, answers, problems = [] } = operation;
  const name = {
    name: "name",
    in: "path",
    required: true,
    schema: { type: "string", ...(names.length === 0 ? {} : { enum: names }) },
  };
  const isNamed = route.includes("{name}");
  const replay = { name: "replay", in: "path", required: true, schema: { type: "string" } };
  const isOfReplay = route.includes("{replay}");
  const statuses = new Set([...problems, ...(operation.isPublic === true ? [] : COMMON_PROBLEMS)]);
  return {
    operationId: operationId(route),
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(operation.isPublic === true ? { security: [] } : {}),
    parameters: [...(isNamed ? [name] : []), ...(isOfReplay ? [replay] : []), ...parameters],
    ...(body === undefined
      ? {}
      : { requestBody: { required: operation.isBodyOptional !== true, content: contentOf(body) } }),
    responses: {
      ...Object.fromEntries(
        answers.map(([status, meaning, content]) => [
          String(status),
          {
            description: meaning,
            ...(Object.keys(content).length === 0 ? {} : { content: contentOf(content) }),
          },
        ]),
      ),
      ...Object.fromEntries([...statuses].sort((a, b) => a - b).map(problemResponse)),
    },
  };
}

function contentOf(content: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}

function problemResponse(status: number): [string, JsonSchema] {
  const content = {
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  };
  return [String(status), { description: STATUS_CODES[status] ?? "Problem", content }];
}

/** `POST /v1/datasets/{name}/rows` is `postDatasetsRows`. */
function operationId(route: string): string {
  const [method = "", path = ""] = route.split(" ");
  const words = path
    .replace(/^\/v1/, "")
    .split(/[/.-]/)
    .filter((word) => word !== "" && !word.startsWith("{"));
  const rest = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  const one = path.endsWith("{name}") ? "One" : "";
  return `${method.toLowerCase()}${rest.join("")}${one}`;
}

function schemasOf(plan: Plan, readable: readonly DatasetPlan[]): JsonSchema {
  const inName = (name: string): string => `${name}.in`;
  const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
  const choice = (schemas: readonly JsonSchema[]): JsonSchema =>
    schemas.length === 0 ? { type: "object" } : { anyOf: schemas };
  return {
    ...FIXED_SCHEMAS,
    RowIn: choice(plan.datasets.map(({ name }) => ref(inName(name)))),
    Row: choice(readable.map(({ name }) => ref(name))),
    ...Object.fromEntries(plan.datasets.map((one) => [inName(one.name), rowInSchema(one)])),
    ...Object.fromEntries(readable.map((one) => [one.name, rowOutSchema(one)])),
  };
}

const text: JsonSchema = { type: "string" };
const time: JsonSchema = { type: "string", format: "date-time" };
const count: JsonSchema = { type: "integer", minimum: 0 };

function objectOf(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties, required: Object.keys(properties) };
}

/** Names that no dataset can have: they begin with a capital letter. */
const FIXED_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Problem: objectOf({
    type: { type: "string", format: "uri" },
    title: text,
    status: { type: "integer" },
    code: text,
    detail: text,
    hint: text,
    details: { type: "object" },
    requestId: text,
  }),
  RowError: objectOf({
    line: { ...count, description: "From 1; of an array, the number of the row." },
    column: { anyOf: [count, { type: "null" }] },
    reason: text,
  }),
  Ingested: objectOf({
    dataset: text,
    position: count,
    received: count,
    accepted: count,
    rejected: count,
    duplicates: count,
    late: count,
    replayed: { type: "boolean" },
    errors: { type: "array", items: { $ref: "#/components/schemas/RowError" } },
  }),
  Page: objectOf({
    rows: { type: "array", items: { $ref: "#/components/schemas/Row" } },
    next: { anyOf: [text, { type: "null" }] },
  }),
  Result: objectOf({
    columns: { type: "array", items: objectOf({ name: text, type: text }) },
    rows: { type: "array", items: { type: "array" } },
    rowCount: count,
    elapsedMs: { type: "number" },
  }),
  Dataset: objectOf({
    name: text,
    kind: { type: "string", enum: ["dataset", "window", "dead_letters", "late_rows"] },
    eventTime: text,
    key: { type: "array", items: text },
    columns: {
      type: "array",
      items: objectOf({ name: text, type: text, nullable: { type: "boolean" } }),
    },
  }),
  DeadLetter: objectOf({
    id: count,
    receivedAt: time,
    position: count,
    line: count,
    column: { anyOf: [count, { type: "null" }] },
    reason: text,
    format: text,
    raw: text,
  }),
  Checkpoint: objectOf({
    number: count,
    position: count,
    createdAt: time,
    reason: text,
    rows: count,
    chunks: count,
    bytes: count,
    elapsedMs: count,
    pauseMs: count,
  }),
};
