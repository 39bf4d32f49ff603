/** Rows that came too late for their windows: which there are, and putting them back. */
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { readCommand, timeOf } from "../json-body.ts";
import { goneSignal } from "../stream-answer.ts";
import { sendSteps } from "../step-lines.ts";
import { isoTime } from "../time-text.ts";
import { parametersOf } from "../url-parameters.ts";

/** All late rows of the dataset, or those of windows that start in a range. */
export const LateCommand = z.strictObject({
  window: z.string().max(200).optional(),
  from: z.string().max(100).optional(),
  to: z.string().max(100).optional(),
});

export function lateRowRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/late-rows", async (request, reply) => {
    const { dataset } = parametersOf(request, ["dataset"]);
    const late = await door.rooms.lateRows.list(dataset);
    return reply.header("cache-control", "no-store").send({
      lateRows: late.map(({ firstUs, lastUs, latestByUs, ...rest }) => ({
        ...rest,
        first: isoTime(firstUs),
        last: isoTime(lastUs),
        latestByMs: Number(latestByUs) / 1000,
      })),
    });
  });
  app.post<{ Params: { readonly name: string } }>(
    "/v1/datasets/:name/late-rows/replay",
    async (request, reply) => {
      parametersOf(request, []);
      const { window, from, to } = await readCommand(request, LateCommand, commandLimits(door));
      const signal = AbortSignal.any([goneSignal(reply), door.closing.signal]);
      const { lateRows } = door.rooms;
      const choice = { window, fromUs: timeOf("from", from), toUs: timeOf("to", to), signal };
      return sendSteps(lateRows.replay(request.params.name, choice), request, reply);
    },
  );
}
