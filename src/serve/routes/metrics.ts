/** `GET /metrics`, in the text format of Prometheus. */
import { type FastifyInstance } from "fastify";
import { type Door } from "../door.ts";
import { parametersOf } from "../url-parameters.ts";

export function metricsRoutes(app: FastifyInstance, door: Door): void {
  app.get("/metrics", async (request, reply) => {
    parametersOf(request, []);
    const rooms = door.isOpen ? door.rooms : null;
    const text = await door.metrics.text(
      rooms === null
        ? null
        : { ...rooms.engine.status(), sinks: rooms.sinks.status(), alerts: rooms.alarms.list() },
      rooms?.ingest.pendingBytes ?? 0,
    );
    return reply
      .header("cache-control", "no-store")
      .header("content-type", door.metrics.contentType)
      .send(text);
  });
}
