/** Takes rows in: `POST /v1/datasets/{name}/rows`. */
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { KurobeError } from "../../core/errors.ts";
import { type Ingest } from "../../ingest/ingest.ts";
import { type Door } from "../door.ts";
import { rowFormatOf } from "../media-type.ts";
import { announcedBytes, readBody } from "../request-body.ts";
import { senderOf } from "../sender.ts";
import { checkReplayName } from "../replay-name.ts";
import { parametersOf } from "../url-parameters.ts";

type Outcome = Awaited<ReturnType<Ingest["accept"]>>;

/** Room is held for a body whose length nobody announced: it grows from here. */
const FIRST_ROOM_BYTES = 64 * 1024;

export function rowsInRoutes(app: FastifyInstance, door: Door): void {
  app.post<{ Params: { name: string } }>("/v1/datasets/:name/rows", async (request, reply) => {
    const dataset = request.params.name;
    const { ingest, replays } = door.rooms;
    ingest.checkDataset(dataset);
    const { onInvalid, replay } = readParameters(request);
    if (replay !== undefined) {
      ingest.checkReplay(dataset);
      replays.checkRoom(dataset, replay);
    }
    const headers = request.headers;
    const format = rowFormatOf(headers["content-type"]);
    const { producer, idempotencyKey } = senderOf(headers);
    using room = ingest.reserve(announcedBytes(request.raw) ?? FIRST_ROOM_BYTES);
    const body = await readBody(request.raw, room, {
      idleTimeoutMs: door.settings.bodyIdleTimeoutMs,
    });
    door.metrics.receivedBytes.inc(body.length);
    const outcome = await ingest.accept({
      dataset,
      format,
      body,
      onInvalid,
      producer,
      idempotencyKey,
      replay,
    });
    return answerTo(outcome, dataset, reply);
  });
}

function answerTo(outcome: Outcome, dataset: string, reply: FastifyReply): object {
  if (outcome.replayed) reply.header("idempotency-replayed", "true");
  if (outcome.kind === "refused") {
    const { position, received, errors, replayed } = outcome;
    throw new KurobeError("KRB_SERVE_BODY_REFUSED", outcome.reason, {
      hint: outcome.hint === "" ? undefined : outcome.hint,
      details: { dataset, position, received, replayed, errors },
    });
  }
  const { position, received, accepted, rejected, duplicates, late, replayed, errors } = outcome;
  return {
    dataset,
    position,
    received,
    accepted,
    rejected,
    duplicates,
    late,
    replayed,
    errors,
  };
}

function readParameters(request: FastifyRequest): {
  readonly onInvalid: "dead_letter" | "reject";
  readonly replay: string | undefined;
} {
  const { onInvalid = "dead_letter", replay } = parametersOf(request, ["onInvalid", "replay"]);
  if (replay !== undefined) checkReplayName(replay);
  if (onInvalid === "dead_letter" || onInvalid === "reject") return { onInvalid, replay };
  throw new KurobeError("KRB_SERVE_PARAMETER", "onInvalid is neither dead_letter nor reject");
}
