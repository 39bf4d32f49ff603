/** Windows that are computed again over what is stored: beginning, watching and ending it. */
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { readCommand, timeOf } from "../json-body.ts";
import { type ServedBackfill } from "../rooms.ts";
import { sendSteps } from "../step-lines.ts";
import { goneSignal } from "../stream-answer.ts";
import { isoTime } from "../time-text.ts";
import { parametersOf } from "../url-parameters.ts";

/** Windows that start in a range; all that are over without one. */
export const BackfillBody = z.strictObject({
  from: z.string().max(100).optional(),
  to: z.string().max(100).optional(),
});

interface Named {
  readonly Params: { readonly name: string };
}

export function backfillRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/backfills", (request, reply) => {
    parametersOf(request, []);
    const backfills = door.rooms.backfills.list().map(backfillBody);
    return reply.header("cache-control", "no-store").send({ backfills });
  });
  app.post<Named>("/v1/windows/:name/backfill", async (request, reply) => {
    parametersOf(request, []);
    const { from, to } = await readCommand(request, BackfillBody, commandLimits(door));
    const { backfills } = door.rooms;
    const range = { fromUs: timeOf("from", from), toUs: timeOf("to", to) };
    const { window } = await backfills.begin(request.params.name, range);
    const signal = AbortSignal.any([goneSignal(reply), door.closing.signal]);
    return sendSteps(bodies(backfills.follow(window, signal)), request, reply);
  });
  app.delete<Named>("/v1/windows/:name/backfill", async (request, reply) => {
    parametersOf(request, []);
    const cancelled = await door.rooms.backfills.cancel(request.params.name);
    return reply.header("cache-control", "no-store").send(backfillBody(cancelled));
  });
}

async function* bodies(steps: AsyncIterable<ServedBackfill>): AsyncGenerator<object> {
  for await (const step of steps) yield backfillBody(step);
}

export function backfillBody(backfill: ServedBackfill): object {
  const { fromUs, toUs, nextUs, startedUs, changedUs, ...rest } = backfill;
  return {
    ...rest,
    from: isoTime(fromUs),
    to: isoTime(toUs),
    next: isoTime(nextUs),
    started: isoTime(startedUs),
    changed: isoTime(changedUs),
  };
}
