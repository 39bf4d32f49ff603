/** A connection that has said hello: logged in, its protocol and database chosen. */
import { type Socket } from "node:net";
import { KurobeError } from "../../core/errors.ts";
import { type Target, showTarget } from "../target/target.ts";
import { type CommandArgument, encodeCommand } from "./encode.ts";
import { openSocket } from "./open-socket.ts";
import { type Reply, ReplyError, ReplyReader } from "./reply-reader.ts";

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** What takes over the bytes once the connection is ready: the load, or a subscriber. */
export interface ConnectionTaker {
  bytes(buffer: Uint8Array, length: number): void;
  closed(error: Error | undefined, connection: Connection): void;
}

const CONNECT_TIMEOUT_MS = 5000;

export class Connection implements AsyncDisposable {
  readonly #target: Target;
  readonly #reader = new ReplyReader();
  readonly #waiting: Waiting[] = [];
  #socket: Socket | undefined;
  #taker: ConnectionTaker | undefined;
  #closed: Error | undefined;
  /** What HELLO answered, as a flat list; empty where the engine has no HELLO. */
  hello: readonly Reply[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  get socket(): Socket {
    if (this.#socket === undefined) throw new Error("the connection is not open");
    return this.#socket;
  }

  async open(): Promise<void> {
    const target = this.#target;
    this.#socket = await openSocket(
      target,
      {
        bytes: (buffer, length) => {
          if (this.#taker === undefined) this.#read(buffer.subarray(0, length));
          else this.#taker.bytes(buffer, length);
        },
        closed: (error) => {
          this.#fail(error ?? new Error("the server closed the connection"));
          this.#taker?.closed(error, this);
        },
      },
      CONNECT_TIMEOUT_MS,
    );
  }

  /** One command; an error reply is a value. Rejects with KRB_BENCH_UNREACHABLE when it breaks. */
  async call(...args: readonly CommandArgument[]): Promise<Reply> {
    const [reply = null] = await this.callAll([args]);
    return reply;
  }

  /** Commands in one write. */
  async callAll(commands: readonly (readonly CommandArgument[])[]): Promise<readonly Reply[]> {
    if (this.#closed !== undefined) throw this.#broken(this.#closed);
    const replies = commands.map(
      () =>
        new Promise<Reply>((resolve, reject) => {
          this.#waiting.push({ resolve, reject });
        }),
    );
    this.socket.write(Buffer.concat(commands.map((args) => encodeCommand(args))));
    return await Promise.all(replies);
  }

  /** From here on all bytes belong to the taker, and `call` must not be used. */
  handOver(taker: ConnectionTaker): void {
    this.#taker = taker;
  }

  destroy(error?: Error): void {
    this.#socket?.destroy(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
    await Promise.resolve();
  }

  #read(bytes: Uint8Array): void {
    try {
      for (const { value, isPush } of this.#reader.read(bytes)) {
        if (!isPush) this.#waiting.shift()?.resolve(value);
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.destroy();
    }
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#broken(error));
  }

  #broken(cause: Error): KurobeError {
    const message = `${showTarget(this.#target)}: ${cause.message}`;
    return new KurobeError("KRB_BENCH_UNREACHABLE", message, { cause });
  }
}

/**
 * Opens, logs in, chooses protocol and database. Throws KRB_BENCH_UNREACHABLE, or
 * KRB_BENCH_REFUSED where the server wants another user or password.
 */
export async function openConnection(target: Target): Promise<Connection> {
  const connection = new Connection(target);
  await connection.open();
  // The system accepts connections for a server that stands still.
  const timer = setTimeout(() => {
    connection.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS} ms`));
  }, CONNECT_TIMEOUT_MS);
  try {
    await greet(connection, target);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function greet(connection: Connection, target: Target): Promise<void> {
  const { password, username, protocol, database } = target;
  const login = password === undefined ? [] : ["AUTH", username ?? "default", password];
  const hello = await connection.call("HELLO", String(protocol), ...login);
  if (!(hello instanceof ReplyError)) {
    connection.hello = Array.isArray(hello) ? (hello as readonly Reply[]) : [];
  } else if (["WRONGPASS", "NOAUTH", "NOPERM"].includes(hello.word) && isLogin(hello)) {
    throw refused(target, hello);
  } else {
    // Older engines have no HELLO, some forbid it, and a password without users is older still.
    if (protocol === 3) throw refused(target, hello);
    if (password !== undefined) {
      const words = username === undefined ? [password] : [username, password];
      const answer = await connection.call("AUTH", ...words);
      if (answer instanceof ReplyError) throw refused(target, answer);
    }
  }
  if (database !== 0) {
    const answer = await connection.call("SELECT", String(database));
    if (answer instanceof ReplyError) throw refused(target, answer);
  }
}

/** `NOPERM` for HELLO itself is no failed login: AUTH may still be allowed. */
function isLogin(reply: ReplyError): boolean {
  return reply.word !== "NOPERM";
}

function refused(target: Target, reply: ReplyError): KurobeError {
  const message = `${showTarget(target)} refuses the connection: ${reply.message}`;
  return new KurobeError("KRB_BENCH_REFUSED", message);
}
