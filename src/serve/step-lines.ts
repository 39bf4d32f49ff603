/** Answers that tell how far long work is: a line of JSON a step, and one for how it ended. */
import { Readable } from "node:stream";
import { type FastifyReply, type FastifyRequest } from "fastify";
import { codedError, problemOf } from "./problem.ts";

/** The last line is `{"kind":"done",…}`, or `{"kind":"failed","problem":{…}}`. */
export function sendSteps(
  steps: AsyncIterable<object>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  return reply
    .header("content-type", "application/x-ndjson")
    .header("cache-control", "no-store")
    .send(Readable.from(lines(steps, request.id), { objectMode: false }));
}

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
