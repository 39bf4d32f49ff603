/**
 * One POST with all its bounds: addresses, time, size of the answer; redirects are not followed.
 */
import * as http from "node:http";
import * as https from "node:https";
import { KurobeError, isKurobeError } from "../core/errors.ts";
import { checkHost, publicLookup } from "./address-guard.ts";

export interface PostOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** All of it: what is longer than the bound is no answer. */
  readonly text: string;
}

const MAX_ANSWER_BYTES = 64 * 1024;
/** What of an answer is worth showing in an error. */
const SHOWN_CHARACTERS = 200;

interface PosterOptions {
  readonly allowsPrivate: boolean;
  /** Connections at once. */
  readonly sockets: number;
  /** Default 64 KiB. */
  readonly maxAnswerBytes?: number;
}

export class Poster implements Disposable {
  readonly #allowsPrivate: boolean;
  readonly #maxAnswerBytes: number;
  readonly #agents: { readonly "http:": http.Agent; readonly "https:": https.Agent };

  constructor({ allowsPrivate, sockets, maxAnswerBytes = MAX_ANSWER_BYTES }: PosterOptions) {
    this.#allowsPrivate = allowsPrivate;
    this.#maxAnswerBytes = maxAnswerBytes;
    const options = { keepAlive: true, maxSockets: sockets, timeout: 60_000 };
    this.#agents = { "http:": new http.Agent(options), "https:": new https.Agent(options) };
  }

  /** Any answer at all; KRB_SINKS_UNREACHABLE and KRB_SINKS_ADDRESS otherwise. */
  post(options: PostOptions): Promise<PostAnswer> {
    const { url, timeoutMs, signal } = options;
    if (!this.#allowsPrivate) checkHost(url);
    return new Promise((resolve, reject) => {
      const request = this.#request(options);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        request.destroy();
        reject(isKurobeError(error) ? error : unreachable(url, error));
      };
      const timer = setTimeout(
        () => fail(new Error(`no whole answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const onAbort = (): void => fail(new Error("stopped"));
      if (signal.aborted) {
        fail(new Error("stopped"));
        return;
      }
      signal.addEventListener("abort", onAbort, { once: true });
      request.on("error", fail);
      request.on("response", (response) => {
        readAnswer(response, this.#maxAnswerBytes).then((answer) => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
          resolve(answer);
        }, fail);
      });
      request.end(options.body);
    });
  }

  #request({ url, headers, body }: PostOptions): http.ClientRequest {
    const options = {
      method: "POST",
      headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
      ...(this.#allowsPrivate ? {} : { lookup: publicLookup }),
    };
    return url.protocol === "https:"
      ? https.request(url, { ...options, agent: this.#agents["https:"] })
      : http.request(url, { ...options, agent: this.#agents["http:"] });
  }

  [Symbol.dispose](): void {
    this.#agents["http:"].destroy();
    this.#agents["https:"].destroy();
  }
}

async function readAnswer(response: http.IncomingMessage, maxBytes: number): Promise<PostAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= maxBytes) parts.push(part);
    else throw new Error(`the answer is longer than ${maxBytes} bytes`);
  }
  const text = Buffer.concat(parts).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Nothing of the path or the query: they often carry a token. */
function unreachable(url: URL, cause: unknown): KurobeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KurobeError("KRB_SINKS_UNREACHABLE", `${url.host}: ${reason}`, { cause });
}

/** Statuses of the 4xx that a repetition can cure. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 421, 423, 425]);

/** Statuses that speak of who asks, not of what was sent. */
const CREDENTIALS: ReadonlySet<number> = new Set([401, 403, 407]);

/**
 * Returns for 2xx. 429 and a 503 with `Retry-After` are busy, 401, 403 and 407 are about
 * credentials, other 4xx and redirects rejected, the rest unreachable.
 */
export function checkAnswer(url: URL, answer: PostAnswer, nowMs: number): void {
  const { status, text } = answer;
  if (status >= 200 && status < 300) return;
  const said = text.trim().slice(0, SHOWN_CHARACTERS);
  const message = `${url.host} answered ${status}${said === "" ? "" : `: ${said}`}`;
  const retryAfterMs = retryAfter(answer.headers["retry-after"], nowMs);
  const details = { status, retryAfterMs };
  if (status === 429 || retryAfterMs !== null)
    throw new KurobeError("KRB_SINKS_BUSY", message, { details });
  if (CREDENTIALS.has(status)) throw new KurobeError("KRB_SINKS_DENIED", message, { details });
  if (status >= 300 && status < 500 && !PASSING.has(status)) {
    const isMoved = status < 400;
    throw new KurobeError("KRB_SINKS_REJECTED", message, {
      details,
      ...(isMoved ? { hint: "Redirects are not followed: name the final address." } : {}),
    });
  }
  throw new KurobeError("KRB_SINKS_UNREACHABLE", message, { details });
}

const MAX_RETRY_AFTER_MS = 3_600_000;

/** Seconds or an HTTP date; at most an hour. */
function retryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}
