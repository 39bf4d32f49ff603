/**
 * Writes of a socket without the stream around it: the stream makes an object and a later turn of
 * every write, a tenth of what one command a write costs the client (ADR 18). What it uses of Node
 * is not documented, so each part is looked for first, and `socket.write` is there where one is
 * missing.
 */
import { type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { getSystemErrorName } from "node:util";

/** What Node writes with: it may be used again once its write has ended. */
interface WriteRequest {
  async: boolean;
  buffer: Uint8Array | null;
  callback: unknown;
}

/** The socket as libuv has it. */
interface StreamHandle {
  /** 0 or a negative error number. What the system does not take at once is queued. */
  writeBuffer: (this: StreamHandle, request: WriteRequest, bytes: Uint8Array) => number;
  /** Bytes that are queued. */
  readonly writeQueueSize: number;
}

export class DirectWriter {
  readonly #socket: SocketWithHandle;
  readonly #mayBypass: boolean;
  /** What the next write goes to, and with; undefined where the stream must take it. */
  #handle: StreamHandle | undefined;
  #request: WriteRequest | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#mayBypass = !(socket instanceof TLSSocket);
  }

  /** As `socket.write`: in order, and `bytes` must stay as they are until they are answered. */
  write(bytes: Uint8Array): void {
    const handle = this.#handle;
    const request = this.#request;
    // A socket that was closed has none any more.
    if (handle === undefined || request === undefined || this.#socket._handle !== handle) {
      this.#writeByStream(bytes);
      return;
    }
    const failure = handle.writeBuffer(request, bytes);
    if (failure !== 0) {
      this.#handle = undefined;
      this.#socket.destroy(new Error(`write ${getSystemErrorName(failure)}`));
    } else if (handle.writeQueueSize > 0) {
      // The request belongs to this write until it ends; nobody waits for that.
      request.callback = undefined;
      request.buffer = bytes;
      this.#handle = undefined;
    }
  }

  /** Looks at what the stream writes with, and keeps it if that write has ended already. */
  #writeByStream(bytes: Uint8Array): void {
    this.#handle = undefined;
    const handle = this.#mayBypass ? handleOf(this.#socket) : undefined;
    if (handle === undefined || handle.writeQueueSize > 0) {
      this.#socket.write(bytes);
      return;
    }
    let seen: WriteRequest | undefined;
    const { writeBuffer } = handle;
    handle.writeBuffer = (request, data) => {
      seen = request;
      return writeBuffer.call(handle, request, data);
    };
    this.#socket.write(bytes);
    handle.writeBuffer = writeBuffer;
    if (seen?.async !== false || handle.writeQueueSize > 0) return;
    this.#handle = handle;
    this.#request = seen;
  }
}

type SocketWithHandle = Socket & { readonly _handle?: Partial<StreamHandle> | null };

/** Undefined for a socket that is closed, and for a Node that has its sockets otherwise. */
function handleOf({ _handle: handle }: SocketWithHandle): StreamHandle | undefined {
  const isKnown =
    typeof handle?.writeBuffer === "function" && typeof handle.writeQueueSize === "number";
  return isKnown ? (handle as StreamHandle) : undefined;
}
