/** A bare socket, for requests that no HTTP client would send. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawConnection {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** Everything that came so far, once it contains `text` or the other side has closed. */
  until(text: string): Promise<string>;
  /** Everything that came, once the other side has closed. */
  whole(): Promise<string>;
  /** Ends our side in order. */
  close(): void;
  destroy(): void;
}

export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    received += text;
  });
  // A reset is one of the things that these tests provoke.
  socket.on("error", () => undefined);
  const until = async (isEnough: () => boolean): Promise<string> => {
    while (!isEnough() && !socket.closed) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return received;
  };
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    until: (text) => until(() => received.includes(text)),
    whole: () => until(() => false),
    close: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}
