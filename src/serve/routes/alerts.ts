/** What is in alarm, and what an operator can do about it. */
import { type FastifyInstance } from "fastify";
import { z } from "zod";
import { parseDuration } from "../../core/duration.ts";
import { KurobeError } from "../../core/errors.ts";
import { commandLimits } from "../command-limits.ts";
import { type Door } from "../door.ts";
import { readCommand } from "../json-body.ts";
import { type ServedAlert } from "../rooms.ts";
import { isoTime } from "../time-text.ts";
import { parametersOf } from "../url-parameters.ts";

/** `for` is a duration such as `2h`; `group` chooses by by-columns, all groups without it. */
export const SilenceCommand = z.strictObject({
  for: z.string().max(100),
  group: z.record(z.string(), z.string()).optional(),
});

interface Named {
  readonly Params: { readonly name: string };
}

export function alertRoutes(app: FastifyInstance, door: Door): void {
  app.get("/v1/alerts", (request, reply) => {
    parametersOf(request, []);
    const alerts = door.rooms.alarms.list().map(alertBody);
    return reply.header("cache-control", "no-store").send({ alerts });
  });
  app.post<Named>("/v1/alerts/:name/silence", async (request, reply) => {
    parametersOf(request, []);
    const asked = await readCommand(request, SilenceCommand, commandLimits(door));
    const forUs = parseDuration(asked.for);
    if (forUs === undefined || forUs === 0) {
      throw new KurobeError(
        "KRB_SERVE_BODY",
        `for: ${JSON.stringify(asked.for)} is no duration such as "2h"`,
      );
    }
    const options = { forUs, group: asked.group ?? {} };
    const alert = await door.rooms.alarms.silence(request.params.name, options);
    return reply.header("cache-control", "no-store").send(alertBody(alert));
  });
  app.delete<Named>("/v1/alerts/:name/silence", async (request, reply) => {
    parametersOf(request, []);
    const alert = await door.rooms.alarms.unsilence(request.params.name);
    return reply.header("cache-control", "no-store").send(alertBody(alert));
  });
  app.post<Named>("/v1/alerts/:name/test", async (request, reply) => {
    parametersOf(request, []);
    const alert = await door.rooms.alarms.test(request.params.name);
    return reply.header("cache-control", "no-store").send(alertBody(alert));
  });
}

function alertBody({ groups, silences, ...alert }: ServedAlert): object {
  return {
    ...alert,
    groups: groups.map(({ group, state, sinceUs, value, score }) => ({
      group,
      state,
      since: isoTime(BigInt(sinceUs)),
      value,
      score,
    })),
    silences: silences.map(({ untilUs, group }) => ({ until: isoTime(BigInt(untilUs)), group })),
  };
}
