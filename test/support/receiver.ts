/** A real HTTP server that sinks deliver to, and that can be told to behave badly. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body as JSON. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Answers one request; without an answer of its own the receiver says 204. */
export type Behaviour = (response: ServerResponse, received: Received) => void;

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** In the order of arrival, also those that were answered with an error. */
  readonly all: readonly Received[];
  /** Those that were answered with 2xx. */
  readonly taken: readonly Received[];
  behave(behaviour: Behaviour | null): void;
  /** Resolves once `isEnough` holds. */
  until(isEnough: () => boolean): Promise<void>;
}

export async function openReceiver(): Promise<Receiver> {
  const all: Received[] = [];
  const taken: Received[] = [];
  let behaviour: Behaviour | null = null;
  let waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    void text(request).then(
      (body) => {
        const received = {
          path: request.url ?? "",
          headers: request.headers,
          body,
          json: parsed(body),
        };
        all.push(received);
        response.on("finish", () => {
          if (response.statusCode < 300) taken.push(received);
          for (const look of waiting) look();
        });
        for (const look of waiting) look();
        if (behaviour === null) response.writeHead(204).end();
        else behaviour(response, received);
      },
      () => undefined,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    all,
    taken,
    behave: (next) => {
      behaviour = next;
    },
    until: (isEnough) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!isEnough()) return;
          waiting = waiting.filter((one) => one !== look);
          resolve();
        };
        waiting.push(look);
        look();
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export const answer =
  (status: number, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (response) => {
    response.writeHead(status, headers).end();
  };
