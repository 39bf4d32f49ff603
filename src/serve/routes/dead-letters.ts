/** Rows that were refused: read them, send them again, throw them away. */
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { LINE_PROTOCOL } from "../../plan/line-protocol.ts";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { readCommand } from "../json-body.ts";
import { isoTime } from "../time-text.ts";
import { countParameter, parametersOf } from "../url-parameters.ts";

const MAX_LETTERS = 1000;
const MAX_IDS = 10_000;

/** Which letters: those with the ids, or all of the dataset where `ids` is missing. */
export const LetterChoice = z.strictObject({
  ids: z.array(z.int().nonnegative()).min(1).max(MAX_IDS).optional(),
});

interface Named {
  readonly Params: { readonly name: string };
}

export function deadLetterRoutes(app: FastifyInstance, door: Door): void {
  app.get<Named>("/v1/datasets/:name/dead-letters", async (request, reply) => {
    const { name } = request.params;
    const { engine, ingest } = door.rooms;
    if (name !== LINE_PROTOCOL) ingest.checkDataset(name);
    const { limit: text } = parametersOf(request, ["limit"]);
    const limit = countParameter("limit", text, { from: 1, to: MAX_LETTERS, otherwise: 20 });
    const letters = await engine.deadLetters(name, { limit });
    return reply.header("cache-control", "no-store").send({
      dataset: name,
      deadLetters: letters.map(({ receivedAtUs, ...letter }) => ({
        ...letter,
        receivedAt: isoTime(receivedAtUs),
      })),
    });
  });

  app.post<Named>("/v1/datasets/:name/dead-letters/retry", async (request, reply) => {
    const { name } = request.params;
    const { engine, ingest } = door.rooms;
    if (name !== LINE_PROTOCOL) ingest.checkDataset(name);
    parametersOf(request, []);
    const { ids } = await readCommand(request, LetterChoice, commandLimits(door));
    const result = await engine.retryDeadLetters(name, ids ?? null);
    return reply.header("cache-control", "no-store").send({ dataset: name, ...result });
  });

  app.delete<Named>("/v1/datasets/:name/dead-letters", async (request, reply) => {
    const { name } = request.params;
    const { engine, ingest } = door.rooms;
    if (name !== LINE_PROTOCOL) ingest.checkDataset(name);
    parametersOf(request, []);
    const { ids } = await readCommand(request, LetterChoice, commandLimits(door));
    const result = await engine.purgeDeadLetters(name, ids ?? null);
    return reply.header("cache-control", "no-store").send({ dataset: name, ...result });
  });
}
