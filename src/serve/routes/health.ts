/** Whether the process lives, and whether it can take and answer requests. */
import { type FastifyInstance } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { type Door } from "../door.ts";
import { parametersOf } from "../url-parameters.ts";

export function healthRoutes(app: FastifyInstance, door: Door): void {
  app.get("/health/live", (request, reply) => {
    parametersOf(request, []);
    return reply.header("cache-control", "no-store").send({ status: "live" });
  });

  app.get("/health/ready", (request, reply) => {
    parametersOf(request, []);
    const { state } = door.rooms.engine.status();
    if (state !== "running" || door.closing.signal.aborted) {
      throw new KurobeError("KRB_CORE_CLOSED", `the engine is ${state}`);
    }
    return reply.header("cache-control", "no-store").send({ status: "ready" });
  });
}
