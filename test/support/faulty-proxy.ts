/** An HTTP proxy that misbehaves on demand, for clients that have to live with real networks. */
import { once } from "node:events";
import { createServer, request as forward } from "node:http";
import { type AddressInfo } from "node:net";

/** What happens to the request with this number, from 0. `lose` hands it on and cuts the answer. */
export type Fault =
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Record<string, string> }
  | { readonly kind: "lose" }
  | { readonly kind: "none" };

export interface FaultyProxy extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly { readonly method: string; readonly key: string | undefined }[];
}

export async function openFaultyProxy(
  targetUrl: string,
  faultOf: (number: number) => Fault,
): Promise<FaultyProxy> {
  const seen: { method: string; key: string | undefined }[] = [];
  const server = createServer((incoming, answer) => {
    // Only rows are interfered with: the client also asks what the dataset is like.
    const isRows = incoming.method === "POST" && incoming.url?.includes("/rows") === true;
    const fault: Fault = isRows ? faultOf(seen.length) : { kind: "none" };
    if (isRows) seen.push({ method: "POST", key: incoming.headers["idempotency-key"] as string });
    if (fault.kind === "answer") {
      incoming.resume();
      incoming.once("end", () => answer.writeHead(fault.status, fault.headers).end());
      return;
    }
    const { method, headers } = incoming;
    const outgoing = forward(
      new URL(incoming.url ?? "/", targetUrl),
      { method, headers },
      (reply) => {
        if (fault.kind === "lose") {
          reply.resume();
          reply.once("end", () => incoming.socket.destroy());
          return;
        }
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      },
    );
    outgoing.on("error", () => answer.destroy());
    incoming.pipe(outgoing);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
