/** Checkpoints that the data directory holds, and a new one on demand. */
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { type Door } from "../door.ts";
import { readCommand } from "../json-body.ts";
import { commandLimits } from "../command-limits.ts";
import { parametersOf } from "../url-parameters.ts";
import { checkpointBody } from "./status.ts";

/** A checkpoint takes no settings. */
export const CheckpointCommand = z.strictObject({});

export function checkpointRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/checkpoints", (request, reply) => {
    parametersOf(request, []);
    const checkpoints = door.rooms.engine.checkpoints().map(checkpointBody);
    return reply.header("cache-control", "no-store").send({ checkpoints });
  });

  app.post("/v1/checkpoints", async (request, reply) => {
    parametersOf(request, []);
    await readCommand(request, CheckpointCommand, commandLimits(door));
    const record = await door.rooms.engine.checkpoint("operator");
    return reply.code(201).send(checkpointBody(record));
  });
}
