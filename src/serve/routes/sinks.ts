/** Where rows are delivered to: how far each sink is, and what an operator can do about it. */
import { type FastifyInstance } from "fastify";
import { type Door } from "../door.ts";
import { parametersOf } from "../url-parameters.ts";
import { sinkBody } from "./status.ts";

interface Named {
  readonly Params: { readonly name: string };
}

export function sinkRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/sinks", (request, reply) => {
    parametersOf(request, []);
    const sinks = door.rooms.sinks.status().map(sinkBody);
    return reply.header("cache-control", "no-store").send({ sinks });
  });
  for (const action of ["pause", "resume", "retry"] as const) {
    app.post<Named>(`/v1/sinks/:name/${action}`, async (request, reply) => {
      parametersOf(request, []);
      const sink = await door.rooms.sinks[action](request.params.name);
      return reply.header("cache-control", "no-store").send(sinkBody(sink));
    });
  }
}
