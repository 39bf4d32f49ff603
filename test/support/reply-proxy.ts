/** A proxy in front of a real engine that hands its replies on in pieces, or late. */
import { connect, createServer, type Socket } from "node:net";
import { type Target } from "../../src/bench/target/target.ts";

export interface ReplyProxy extends AsyncDisposable {
  /** The engine, as seen through the proxy. */
  readonly target: Target;
}

/** `pass` gets what the server sent, in order, and writes it to the client. */
export async function openReplyProxy(
  target: Target,
  pass: (chunk: Buffer, client: Socket) => Promise<void>,
): Promise<ReplyProxy> {
  const { address } = target;
  if (address.kind !== "tcp") throw new Error("the proxy goes in front of a TCP address");
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: address.host, port: address.port, noDelay: true });
    let passed = Promise.resolve();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", (chunk) => {
      passed = passed.then(async () => pass(chunk, client));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the proxy has no port");
  return {
    target: { ...target, address: { kind: "tcp", host: "127.0.0.1", port: bound.port } },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
