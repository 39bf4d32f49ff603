/** Answers that are sent while they are made. */
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { type FastifyReply } from "fastify";

/** An answer that fails within this time can still say so in words. */
const HOLD_HEADERS_MS = 100;

export interface StreamedAnswer extends AsyncDisposable {
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Aborted when the client goes away before it has the whole answer. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

/**
 * Sends the headers with the first bytes, or without any when those take long. What fails before is
 * thrown; what fails later cuts the connection, so that nobody takes the answer for whole.
 */
export async function sendStreamed(reply: FastifyReply, answer: StreamedAnswer): Promise<void> {
  const pieces = answer.body[Symbol.asyncIterator]();
  const first = pieces.next();
  try {
    await Promise.race([first, delay(HOLD_HEADERS_MS, undefined, { ref: false })]);
  } catch (error) {
    await answer[Symbol.asyncDispose]();
    throw error;
  }
  const stream = Readable.from(resumed(first, pieces), { objectMode: false });
  stream.once("close", () => void closeQuietly(answer));
  void reply.header("content-type", answer.contentType).send(stream);
  if (!reply.raw.headersSent && !reply.raw.destroyed) reply.raw.flushHeaders();
}

async function* resumed(
  first: Promise<IteratorResult<Uint8Array>>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = await first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** The client is served or gone: nobody is left to hear how closing went. */
async function closeQuietly(answer: AsyncDisposable): Promise<void> {
  try {
    await answer[Symbol.asyncDispose]();
  } catch {
    // The statement's own error was already thrown by its body.
  }
}
