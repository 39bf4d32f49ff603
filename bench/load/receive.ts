/** A receiver of webhooks that reads each body, says 204, and tells when the body was there. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Receiver extends AsyncDisposable {
  readonly url: string;
}

/** `heard` gets each body as it came in, before it is answered. */
export async function startReceiver(heard: (body: string) => void): Promise<Receiver> {
  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        heard(body);
        response.writeHead(204).end();
      },
      () => undefined,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
