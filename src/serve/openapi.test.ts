import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pino from "pino";
import Fastify, { type FastifyBaseLogger } from "fastify";
import { openServed, type Served, ticksProject } from "../../test/support/served-platform.ts";
import { resolveProject } from "../plan/resolve.ts";
import { Door } from "./door.ts";
import { Metrics } from "./metrics.ts";
import { addDoors } from "./serve.ts";
import { DEFAULT_SERVE_SETTINGS } from "./serve-settings.ts";

type Json = Readonly<Record<string, unknown>>;
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

let served: Served;
let document: Document;

beforeAll(async () => {
  served = await openServed(ticksProject);
  document = (await (await served.fetch("/openapi.json")).json()) as Document;
});
afterAll(async () => served[Symbol.asyncDispose]());

describe("the description of the paths", () => {
  it("names every route of the server, and nothing else", async () => {
    using metrics = new Metrics();
    const settings = { ...DEFAULT_SERVE_SETTINGS, token: null };
    const log: FastifyBaseLogger = pino({ level: "silent" });
    const app = Fastify({ loggerInstance: log });
    const routes: string[] = [];
    app.addHook("onRoute", ({ method, url }) => {
      for (const one of [method].flat().filter((name) => name !== "HEAD")) {
        routes.push(`${one} ${url.replace(/:(\w+)/g, "{$1}")}`);
      }
    });
    addDoors(app, new Door(resolveProject(ticksProject), settings, "0", metrics));
    await app.ready();
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(routes.sort());
    await app.close();
  });

  it("refers only to what it defines", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, name = ""]) => name.replace("#/components/schemas/", ""),
    );
    const { schemas } = document.components;
    expect(references.filter((name) => !(name in schemas))).toEqual([]);
    const unused = Object.keys(schemas).filter((name) => !references.includes(name));
    expect(unused).toEqual([]);
  });

  it("is OpenAPI 3.1: each operation has its own id, its answers and its path's parameters", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    const ids: unknown[] = [];
    for (const [path, item] of Object.entries(document.paths)) {
      for (const operation of Object.values(item)) {
        ids.push(operation["operationId"]);
        const answers = Object.entries(operation["responses"] as Record<string, Json>);
        expect(
          answers.every(([status, answer]) => /^[2-5]\d\d$/.test(status) && answer["description"]),
        ).toBe(true);
        expect(answers.some(([status]) => status.startsWith("2"))).toBe(true);
        const parameters = operation["parameters"] as { name: string; in: string; schema: Json }[];
        const inPath = parameters.filter((one) => one.in === "path").map(({ name }) => `{${name}}`);
        expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? []);
      }
    }
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("has the rows of the project's datasets", () => {
    const { schemas } = document.components;
    expect(schemas["ticks.in"]).toMatchObject({
      required: ["time", "symbol", "price", "quantity"],
      properties: { time: { format: "date-time" }, price: { type: "number" } },
    });
    expect(schemas["bars"]).toMatchObject({
      properties: { window_start: { format: "date-time" }, revision: {} },
    });
    expect(schemas["RowIn"]).toEqual({ anyOf: [{ $ref: "#/components/schemas/ticks.in" }] });
  });

  it("describes the answers that the server gives", async () => {
    await served.post(
      "/v1/datasets/ticks/rows",
      '{"time":"2026-01-01T00:00:00Z","symbol":"A","price":1,"quantity":1}',
    );
    const { rows } = (await (await served.fetch("/v1/datasets/ticks/rows")).json()) as {
      rows: Json[];
    };
    expect(Object.keys(rows[0] ?? {})).toEqual(document.components.schemas["ticks"]?.["required"]);
    const problem = (await (await served.fetch("/v1/none")).json()) as Json;
    expect(Object.keys(problem)).toEqual(document.components.schemas["Problem"]?.["required"]);
    const status = await served.post("/v1/datasets/ticks/rows", "");
    expect(Object.keys((await status.json()) as Json)).toEqual(
      document.components.schemas["Ingested"]?.["required"],
    );
    const record = (await (
      await served.fetch("/v1/checkpoints", { method: "POST" })
    ).json()) as Json;
    const described = document.components.schemas["Checkpoint"]?.["required"];
    expect(new Set(Object.keys(record))).toEqual(new Set(described as readonly string[]));
  });
});
