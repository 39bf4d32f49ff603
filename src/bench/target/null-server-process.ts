/**
 * The process of the null server: it answers GETs and SETs of one length, which it counts by their
 * bytes; all else is read as commands, and refused. It writes its port as the first line.
 */
import { createServer, Socket } from "node:net";
import { DirectWriter } from "../resp/direct-write.ts";

/** Replies that one write has at most. */
const MOST = 1024;
const READ_BYTES = 64 * 1024;
const FIRST_BYTES = 4096;

const value = "x".repeat(Number(process.argv.at(-1)));
const repliesToGet = repliesOf(`$${value.length}\r\n${value}\r\n`);
const repliesToSet = repliesOf("+OK\r\n");
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

interface Replies {
  readonly bytes: Buffer;
  /** The one that most writes consist of: a view costs as much as an answer. */
  readonly first: Buffer;
  readonly size: number;
}

function repliesOf(reply: string): Replies {
  const bytes = Buffer.from(reply.repeat(MOST));
  return { bytes, first: bytes.subarray(0, reply.length), size: reply.length };
}

class Client {
  readonly #socket: Socket;
  readonly #writer: DirectWriter;
  #replies = repliesToGet;
  /** Bytes of each command; 0 before the first one. */
  #length = 0;
  #carry = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#writer = new DirectWriter(socket);
  }

  read(bytes: Buffer, end: number): void {
    if (this.#length === 0 && !this.#begin(bytes.toString("latin1", 0, Math.min(end, FIRST_BYTES))))
      return;
    const { bytes: many, first, size } = this.#replies;
    this.#carry += end;
    let count = Math.floor(this.#carry / this.#length);
    this.#carry -= count * this.#length;
    if (count === 1) {
      this.#writer.write(first);
      return;
    }
    for (; count > 0; count -= MOST) {
      this.#writer.write(count >= MOST ? many : many.subarray(0, count * size));
    }
  }

  /** False for something else than a GET or SET, which is answered. */
  #begin(text: string): boolean {
    if (!/^\*[23]\r\n\$3\r\n[GS]ET\r\n/.test(text)) {
      const commands = text.match(/\*\d+\r\n\$\d+\r\n[A-Za-z]/g)?.length ?? 0;
      this.#socket.write("-ERR this server only answers GET and SET\r\n".repeat(commands));
      return false;
    }
    const isSet = text.startsWith("*3");
    this.#replies = isSet ? repliesToSet : repliesToGet;
    // Header, then as many arguments as it says, each with its own length.
    let at = 4;
    for (let left = isSet ? 3 : 2; left > 0; left--) {
      const end = text.indexOf("\r\n", at);
      at = end + 2 + Number(text.slice(at + 1, end)) + 2;
    }
    this.#length = at;
    return true;
  }
}

type Handled = Socket & { _handle?: object | null };

/**
 * Reads into one buffer, as the client does. Node offers that for sockets that connect alone, so
 * the connection moves into one; where it cannot, it is read as it came.
 */
function serve(accepted: Handled): void {
  const { _handle: handle } = accepted;
  if (handle === undefined || handle === null || process.platform === "win32") {
    const client = new Client(accepted.setNoDelay(true).on("error", () => undefined));
    accepted.on("data", (bytes) => client.read(bytes, bytes.length));
    return;
  }
  accepted._handle = null;
  const onread = {
    buffer: shared,
    callback: (length: number): boolean => {
      client.read(shared, length);
      return true;
    },
  };
  const socket = new Socket({ handle, onread } as object);
  const client = new Client(socket.setNoDelay(true).on("error", () => undefined));
  socket.on("end", () => socket.end()).resume();
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : 0}\n`);
});
// The parent is gone: so are we.
process.stdin.on("end", () => process.exit()).resume();
