/** History that comes beside live rows: declaring its producers, ending it, watching it. */
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { readCommand } from "../json-body.ts";
import { checkReplayName, MAX_REPLAY_NAME } from "../replay-name.ts";
import { type ServedReplay } from "../rooms.ts";
import { sendSteps } from "../step-lines.ts";
import { goneSignal } from "../stream-answer.ts";
import { isoTime, isoTimeOrNull } from "../time-text.ts";
import { parametersOf } from "../url-parameters.ts";

const Producer = z.string().max(MAX_REPLAY_NAME);

/** Whose rows the replay's watermark waits for. */
export const ReplayBody = z.strictObject({ producers: z.array(Producer).max(10_000).optional() });

/** One producer that is done; without it, the whole replay. */
export const ReplayEndBody = z.strictObject({ producer: Producer.optional() });

interface Named {
  readonly Params: { readonly name: string; readonly replay: string };
}

export function replayRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/replays", (request, reply) => {
    parametersOf(request, []);
    const replays = door.rooms.replays.list().map(replayBody);
    return reply.header("cache-control", "no-store").send({ replays });
  });
  app.put<Named>("/v1/datasets/:name/replays/:replay", async (request, reply) => {
    parametersOf(request, []);
    const { name, replay } = request.params;
    const { ingest, replays } = door.rooms;
    ingest.checkReplay(name);
    checkReplayName(replay);
    const { producers = [] } = await readCommand(request, ReplayBody, commandLimits(door));
    const begun = await replays.begin(name, replay, producers);
    return reply.header("cache-control", "no-store").send(replayBody(begun));
  });
  app.post<Named>("/v1/datasets/:name/replays/:replay/end", async (request, reply) => {
    parametersOf(request, []);
    const { name, replay } = request.params;
    const { ingest, replays } = door.rooms;
    ingest.checkDataset(name);
    const { producer } = await readCommand(request, ReplayEndBody, commandLimits(door));
    if (producer !== undefined) {
      const status = await replays.finish(name, replay, producer);
      return sendSteps(bodies([status]), request, reply);
    }
    await replays.end(name, replay);
    const signal = AbortSignal.any([goneSignal(reply), door.closing.signal]);
    return sendSteps(bodies(replays.follow(name, replay, signal)), request, reply);
  });
}

async function* bodies(
  steps: AsyncIterable<ServedReplay> | readonly ServedReplay[],
): AsyncGenerator<object> {
  for await (const step of steps) yield replayBody(step);
}

export function replayBody({
  watermarkUs,
  producers,
  waiting,
  startedUs,
  changedUs,
  ...replay
}: ServedReplay): object {
  return {
    ...replay,
    watermark: isoTimeOrNull(watermarkUs),
    producers: producers.map(({ newestUs, ...one }) => ({
      ...one,
      newest: isoTimeOrNull(newestUs),
    })),
    waiting: waiting && { from: isoTime(waiting.fromUs), to: isoTime(waiting.toUs) },
    startedAt: isoTime(startedUs),
    changedAt: isoTime(changedUs),
  };
}
