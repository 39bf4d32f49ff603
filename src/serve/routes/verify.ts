/** Checks every durable file, telling how far it is: `POST /v1/verify`, a line of JSON a step. */
import { Readable } from "node:stream";
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { readCommand } from "../json-body.ts";
import { codedError, problemOf } from "../problem.ts";
import { goneSignal } from "../stream-answer.ts";
import { parametersOf } from "../url-parameters.ts";

/** A check takes no settings. */
export const VerifyCommand = z.strictObject({});

export function verifyRoutes(app: FastifyInstance, door: Door): void {
  app.post("/v1/verify", async (request, reply) => {
    parametersOf(request, []);
    await readCommand(request, VerifyCommand, commandLimits(door));
    const signal = AbortSignal.any([goneSignal(reply), door.closing.signal]);
    const steps = door.rooms.verify({ signal });
    return reply
      .header("content-type", "application/x-ndjson")
      .header("cache-control", "no-store")
      .send(Readable.from(lines(steps, request.id), { objectMode: false }));
  });
}

/** The last line is `{"kind":"done",…}`, or `{"kind":"failed","problem":{…}}`. */
async function* lines(steps: AsyncIterable<object>, requestId: string): AsyncGenerator<string> {
  let count = 0;
  try {
    for await (const step of steps) {
      count += 1;
      yield lineOf(step);
    }
    yield lineOf({ kind: "done", steps: count });
  } catch (error) {
    yield lineOf({ kind: "failed", problem: problemOf(codedError(error), requestId) });
  }
}

function lineOf(step: object): string {
  const text = JSON.stringify(step, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  return `${text}\n`;
}
