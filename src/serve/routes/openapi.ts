/** The description of every path, with this project's rows: `GET /openapi.json`. */
import { type FastifyInstance } from "fastify";
import { type Door } from "../door.ts";
import { openapiOf } from "../openapi.ts";
import { parametersOf } from "../url-parameters.ts";

export function openapiRoutes(app: FastifyInstance, door: Door): void {
  app.get("/openapi.json", (request, reply) => {
    parametersOf(request, []);
    const { relations } = door.rooms.engine;
    const readable = relations.names().flatMap((name) => relations.planOf(name) ?? []);
    return reply
      .header("cache-control", "private, no-cache")
      .send(openapiOf(door.plan, readable, door.version));
  });
}
