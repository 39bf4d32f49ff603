/** Checks every durable file, telling how far it is: `POST /v1/verify`, a line of JSON a step. */
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { readCommand } from "../json-body.ts";
import { sendSteps } from "../step-lines.ts";
import { goneSignal } from "../stream-answer.ts";
import { parametersOf } from "../url-parameters.ts";

/** A check takes no settings. */
export const VerifyCommand = z.strictObject({});

export function verifyRoutes(app: FastifyInstance, door: Door): void {
  app.post("/v1/verify", async (request, reply) => {
    parametersOf(request, []);
    await readCommand(request, VerifyCommand, commandLimits(door));
    const signal = AbortSignal.any([goneSignal(reply), door.closing.signal]);
    return sendSteps(door.rooms.verify({ signal }), request, reply);
  });
}
