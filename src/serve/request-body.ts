/** Reads a request body into one piece of memory: bounded, timed, and copied at most once. */
import { type IncomingMessage } from "node:http";
import { type Transform } from "node:stream";
import { KurobeError } from "../core/errors.ts";
import { decoderOf } from "./content-encoding.ts";

/** Room for the body; both throw the coded error for a body that finds none. */
export interface BodyRoom extends Disposable {
  grow(toBytes: number): void;
}

export interface ReadBodyOptions {
  /** The longest pause between two pieces. */
  readonly idleTimeoutMs: number;
}

/**
 * A body may grow by this factor after its first MiB. Columns that repeat reach 100; a bomb of
 * zeros has 1,030 in gzip and far more in Brotli.
 */
const MAX_EXPANSION = 400;
const FREE_EXPANSION_BYTES = 1024 * 1024;

/** The announced length, or undefined for a body in chunks. */
export function announcedBytes(request: IncomingMessage): number | undefined {
  const header = request.headers["content-length"];
  return header === undefined ? undefined : Number(header);
}

/**
 * The whole body after content decoding. Fails with a coded error when the client goes away, pauses
 * for too long, sends damaged compression, or outgrows its room; the rest is then left unread.
 */
export function readBody(
  request: IncomingMessage,
  room: BodyRoom,
  options: ReadBodyOptions,
): Promise<Buffer> {
  const open = decoderOf(request.headers["content-encoding"]);
  return open === undefined
    ? readPlain(request, room, options)
    : readEncoded(request, open(), room, options);
}

function readPlain(
  request: IncomingMessage,
  room: BodyRoom,
  options: ReadBodyOptions,
): Promise<Buffer> {
  const expected = announcedBytes(request);
  let sizeBytes = 0;
  let first: Buffer | undefined;
  let whole: Buffer | undefined;
  let pieces: Buffer[] = [];
  const take = (piece: Buffer): void => {
    const at = sizeBytes;
    sizeBytes += piece.length;
    if (expected === undefined) {
      room.grow(sizeBytes);
      pieces.push(piece);
    } else if (at === 0 && piece.length === expected) {
      first = piece;
    } else {
      whole ??= Buffer.allocUnsafeSlow(expected);
      piece.copy(whole, at);
    }
  };
  return consume(request, options, {
    take,
    finish: (resolve) => {
      const body = first ?? whole ?? Buffer.concat(pieces, sizeBytes);
      pieces = [];
      resolve(body);
    },
    stop: () => undefined,
  });
}

function readEncoded(
  request: IncomingMessage,
  decoder: Transform,
  room: BodyRoom,
  options: ReadBodyOptions,
): Promise<Buffer> {
  let encodedBytes = 0;
  let sizeBytes = 0;
  const pieces: Buffer[] = [];
  return consume(request, options, {
    take: (piece) => {
      encodedBytes += piece.length;
      if (decoder.write(piece)) return;
      request.pause();
      decoder.once("drain", () => request.resume());
    },
    finish: () => decoder.end(),
    stop: () => decoder.destroy(),
    start: (resolve, reject) => {
      decoder.on("data", (piece: Buffer) => {
        sizeBytes += piece.length;
        pieces.push(piece);
        try {
          checkExpansion(sizeBytes, encodedBytes);
          room.grow(sizeBytes);
        } catch (error) {
          reject(error);
        }
      });
      decoder.on("error", (cause) => reject(damaged(cause.message, cause)));
      decoder.on("end", () => {
        const { bytesWritten } = decoder as unknown as { readonly bytesWritten: number };
        if (bytesWritten < encodedBytes) {
          reject(damaged(`${encodedBytes - bytesWritten} bytes follow the end of the data`));
        } else {
          resolve(Buffer.concat(pieces, sizeBytes));
        }
      });
    },
  });
}

function damaged(reason: string, cause?: unknown): KurobeError {
  return new KurobeError("KRB_SERVE_COMPRESSION", `the body cannot be decompressed: ${reason}`, {
    cause,
  });
}

function checkExpansion(sizeBytes: number, encodedBytes: number): void {
  if (sizeBytes <= FREE_EXPANSION_BYTES || sizeBytes <= encodedBytes * MAX_EXPANSION) return;
  throw new KurobeError(
    "KRB_SERVE_EXPANSION",
    `${encodedBytes} bytes have become ${sizeBytes} bytes: more than ${MAX_EXPANSION} times`,
    { details: { maxExpansion: MAX_EXPANSION } },
  );
}

type Resolve = (body: Buffer) => void;
type Reject = (error: unknown) => void;

interface Consumer {
  /** May throw the error that ends the reading. */
  readonly take: (piece: Buffer) => void;
  /** The request has ended as announced. */
  readonly finish: (resolve: Resolve) => void;
  /** Called once at the end, whatever it was. */
  readonly stop: () => void;
  readonly start?: (resolve: Resolve, reject: Reject) => void;
}

function consume(
  request: IncomingMessage,
  { idleTimeoutMs }: ReadBodyOptions,
  consumer: Consumer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // While we hold the client back ourselves, the pause is not its own.
      if (request.isPaused()) timer.refresh();
      else fail(new KurobeError("KRB_SERVE_TIMEOUT", `no byte came for ${idleTimeoutMs} ms`));
    }, idleTimeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
      consumer.stop();
    };
    const fail = (error: unknown): void => {
      end();
      request.pause();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onData = (piece: Buffer): void => {
      timer.refresh();
      try {
        consumer.take(piece);
      } catch (error) {
        fail(error);
      }
    };
    const done = (body: Buffer): void => {
      end();
      resolve(body);
    };
    const onEnd = (): void => {
      clearTimeout(timer);
      consumer.finish(done);
    };
    const cut = (cause?: unknown): void =>
      fail(
        new KurobeError("KRB_SERVE_BODY_CUT", "the connection ended inside the body", { cause }),
      );
    const onError = (error: Error): void => cut(error);
    const onClose = (): void => {
      if (!request.complete) cut();
    };
    // A failed request may still say that its connection broke: nobody needs to hear it.
    request.on("error", () => undefined);
    request.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
    consumer.start?.(done, fail);
  });
}
