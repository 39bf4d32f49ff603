/** Talks to a running server: adds the token, and turns its problems back into coded errors. */
import { ERROR_CATALOG, type ErrorCode } from "../core/error-catalog.ts";
import { KurobeError } from "../core/errors.ts";

export interface ClientOptions {
  readonly url: string;
  readonly token: string | null;
  readonly signal: AbortSignal;
}

export interface ClientRequest {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface Client {
  readonly url: string;
  /** The response of a request that succeeded; its body is unread. Throws what the server says. */
  send(method: string, path: string, request?: ClientRequest): Promise<Response>;
  /** The same for answers that are one JSON value. */
  json<T>(method: string, path: string, request?: ClientRequest): Promise<T>;
}

export function openClient({ url, token, signal }: ClientOptions): Client {
  const send = async (
    method: string,
    path: string,
    request: ClientRequest = {},
  ): Promise<Response> => {
    const target = new URL(url + path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) target.searchParams.set(name, value);
    }
    const response = await fetch(target, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...request.headers,
      },
      signal: request.signal ?? signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    }).catch((error: unknown) => {
      throw unreachable(url, error);
    });
    if (!response.ok) throw await problemOf(response);
    return response;
  };
  return {
    url,
    send,
    async json<T>(method: string, path: string, request: ClientRequest = {}) {
      const headers = { accept: "application/json", ...request.headers };
      const response = await send(method, path, { ...request, headers });
      return parse(await textOf(response)) as T;
    },
  };
}

function unreachable(url: string, error: unknown): unknown {
  if (error instanceof Error && error.name === "AbortError") return error;
  const reason = error instanceof Error ? reasonOf(error) : String(error);
  return new KurobeError("KRB_CLI_UNREACHABLE", `No answer from ${url}: ${reason}`, {
    cause: error,
  });
}

/**
 * fetch hides the system's own words in `cause`, and those of several addresses one level deeper.
 */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) {
    return reasonOf(error.errors[0]);
  }
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

async function problemOf(response: Response): Promise<KurobeError> {
  const retryAfterMs = retryAfter(response.headers.get("retry-after"));
  const status = response.status;
  const text = await response.text().catch(() => "");
  const problem = isJson(response) ? asObject(parseOrNull(text)) : {};
  const { code, detail, title, hint, details } = problem;
  const own = asObject(details);
  if (typeof code === "string" && Object.hasOwn(ERROR_CATALOG, code)) {
    return new KurobeError(code as ErrorCode, textOr(detail, textOr(title, code)), {
      hint: typeof hint === "string" ? hint : undefined,
      details: { ...own, status, retryAfterMs },
    });
  }
  const said = typeof detail === "string" ? detail : text.slice(0, 200);
  return new KurobeError("KRB_CLI_ANSWER", `The server answered ${status}: ${said}`, {
    details: { ...own, status, retryAfterMs, code: code ?? null },
  });
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function isJson(response: Response): boolean {
  return /\bjson\b/.test(response.headers.get("content-type") ?? "");
}

/** Seconds or a date, as HTTP allows; undefined where the server names no time. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - Date.now());
}

async function textOf(response: Response): Promise<string> {
  return await response.text().catch((error: unknown) => {
    throw cutShort(error);
  });
}

/** The server breaks the connection where an answer that has begun cannot be finished. */
export function cutShort(error: unknown): unknown {
  if (error instanceof Error && error.name === "AbortError") return error;
  const message = "The answer broke off before its end: what came is not the whole result";
  return new KurobeError("KRB_CLI_ANSWER", message, { cause: error });
}

function parse(text: string): unknown {
  const value = parseOrNull(text);
  if (value !== null || text.trim() === "null") return value;
  throw new KurobeError("KRB_CLI_ANSWER", `The answer is no JSON: ${text.slice(0, 200)}`);
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
