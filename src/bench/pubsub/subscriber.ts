/** One connection that listens to channels, and subscribes again when it was cut off. */
import { type Connection, openConnection } from "../resp/connection.ts";
import { encodeCommand } from "../resp/encode.ts";
import { type Target } from "../target/target.ts";
import { MessageReader } from "./message-reader.ts";

export interface Listener {
  /** `atMs` is when the bytes were read. */
  received(stamp: number, atMs: number): void;
  read(bytes: number): void;
  lost(reason: string): void;
  returned(): void;
  /** A channel is another node's now: this subscriber is of no use any more. */
  moved(): void;
}

export type SubscribeVerb = "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE";

const RETRY_MS = 50;
const SUBSCRIBE_TIMEOUT_MS = 10_000;

export class Subscriber {
  readonly #target: Target;
  readonly #verb: SubscribeVerb;
  /** Or patterns. */
  readonly #channels: readonly string[];
  readonly #listener: Listener;
  readonly #reader: MessageReader;
  #connection: Connection | undefined;
  #missing = 0;
  #settle: (error: Error | undefined) => void = () => undefined;
  #nowMs = 0;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    target: Target,
    verb: SubscribeVerb,
    channels: readonly string[],
    listener: Listener,
  ) {
    this.#target = target;
    this.#verb = verb;
    this.#channels = channels;
    this.#listener = listener;
    this.#reader = new MessageReader({
      message: (stamp) => listener.received(stamp, this.#nowMs),
      subscribed: () => {
        this.#missing -= 1;
        if (this.#missing === 0) this.#settle(undefined);
      },
      ended: () => listener.moved(),
      refused: (text) => this.#settle(new Error(text)),
    });
  }

  /** Resolves when the server has confirmed every channel; rejects with what it says against it. */
  async open(): Promise<void> {
    const connection = await openConnection(this.#target);
    if (this.#isClosed) {
      connection.destroy();
      return;
    }
    this.#connection = connection;
    this.#reader.reset();
    this.#missing = this.#channels.length;
    const confirmed = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer to ${this.#verb} within ${SUBSCRIBE_TIMEOUT_MS} ms`));
      }, SUBSCRIBE_TIMEOUT_MS);
      this.#settle = (error) => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    connection.handOver({
      bytes: (buffer, length) => {
        this.#nowMs = performance.now();
        this.#listener.read(length);
        if (!this.#reader.feed(buffer, length)) this.#cut(connection, "what came is no message");
      },
      closed: (error) =>
        this.#cut(connection, error?.message ?? "the server closed the connection"),
    });
    connection.socket.write(this.#command());
    await confirmed;
  }

  #command(): Buffer {
    if (this.#verb !== "SSUBSCRIBE") return encodeCommand([this.#verb, ...this.#channels]);
    // One command may name channels of one slot alone.
    return Buffer.concat(this.#channels.map((channel) => encodeCommand([this.#verb, channel])));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#settle(undefined);
  }

  #cut(connection: Connection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    connection.destroy();
    this.#settle(new Error(reason));
    if (this.#isClosed) return;
    this.#listener.lost(reason);
    this.#again();
  }

  #again(): void {
    this.#retry = setTimeout(() => {
      this.open().then(
        () => this.#listener.returned(),
        (error: unknown) => {
          if (this.#isClosed) return;
          if (error instanceof Error && error.message.startsWith("MOVED ")) this.#listener.moved();
          else if (this.#connection === undefined) this.#again();
        },
      );
    }, RETRY_MS);
  }
}
