/**
 * Carries commands that one node of a cluster sent away to the node that has their keys: MOVED for
 * good, ASK for this once. Connections of their own, since a lane's replies belong to its batch.
 */
import { type Connection, openConnection } from "../resp/connection.ts";
import { ReplyCounter, ReplyKind, type ReplySink } from "../resp/reply-counter.ts";
import { commandSpans } from "../resp/command-span.ts";
import { encodeCommand } from "../resp/encode.ts";
import { showAddress, type Target, targetAt } from "../target/target.ts";

/** Where an error reply sends a command. */
export interface Redirect {
  readonly kind: "MOVED" | "ASK";
  readonly host: string;
  readonly port: number;
}

/** Commands of one operation, and who waits for their last reply. */
export interface Errand {
  /** A copy: the lane's buffer is used again. */
  readonly bytes: Buffer;
  readonly replies: number;
  readonly done: (kind: number, inside?: Parameters<ReplySink["list"]>) => void;
  readonly failed: (text: string) => void;
  /** `connection_lost`, `connect_failed`: no reply will come. */
  readonly lost: (kind: string, text: string) => void;
  /** Called for each node that sends it on. */
  readonly sentOn: (redirect: Redirect) => void;
}

/** Nodes that send a command around in a circle do not agree on who owns it. */
const MAX_HOPS = 5;

/** `MOVED 3999 10.0.0.7:6381`, `ASK 3999 ::1:6381`; a host that is left out is the one asked. */
export function readRedirect(text: string, asked: Target): Redirect | undefined {
  const [, kind, host = "", port = ""] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(text.trim()) ?? [];
  if (kind !== "MOVED" && kind !== "ASK") return undefined;
  const own = asked.address.kind === "tcp" ? asked.address.host : "127.0.0.1";
  return { kind, host: host === "" ? own : host, port: Number(port) };
}

export class Couriers {
  readonly #target: Target;
  readonly #byNode = new Map<string, Courier>();
  #isClosed = false;

  /** `target` is any node: the others share its user and certificates. */
  constructor(target: Target) {
    this.#target = target;
  }

  send(errand: Errand, redirect: Redirect, hops = 0): void {
    const node = targetAt(this.#target, redirect.host, redirect.port);
    const name = showAddress(node.address);
    let courier = this.#byNode.get(name);
    if (courier === undefined || courier.isDown) {
      courier = new Courier(node);
      this.#byNode.set(name, courier);
    }
    errand.sentOn(redirect);
    const failed = (text: string): void => {
      const next = this.#isClosed ? undefined : readRedirect(text, node);
      if (next === undefined || hops + 1 >= MAX_HOPS) errand.failed(text);
      else this.send(errand, next, hops + 1);
    };
    courier.carry({ ...errand, failed }, redirect.kind === "ASK");
  }

  close(): void {
    this.#isClosed = true;
    for (const courier of this.#byNode.values()) courier.close();
  }
}

interface Expected {
  readonly errand: Errand;
  readonly role: "asking" | "part" | "last";
}

/** The connection to one node. */
class Courier {
  readonly #counter: ReplyCounter;
  readonly #expected: Expected[] = [];
  #connection: Connection | undefined;
  #waiting: Buffer[] = [];
  isDown = false;

  constructor(node: Target) {
    this.#counter = new ReplyCounter({
      reply: (kind, times) => {
        for (let time = 0; time < times; time++) this.#answered((errand) => errand.done(kind));
      },
      list: (...inside) => {
        this.#answered((errand) => errand.done(ReplyKind.list, inside));
      },
      failed: (text) => this.#answered((errand) => errand.failed(text)),
    });
    void this.#open(node);
  }

  carry(errand: Errand, isAsking: boolean): void {
    const spans = commandSpans(errand.bytes, errand.replies);
    const parts: Buffer[] = [];
    spans.forEach(({ start, end }, index) => {
      if (isAsking) {
        parts.push(encodeCommand(["ASKING"]));
        this.#expected.push({ errand, role: "asking" });
      }
      parts.push(errand.bytes.subarray(start, end));
      const role = index + 1 === spans.length ? "last" : "part";
      this.#expected.push({ errand, role });
    });
    const bytes = Buffer.concat(parts);
    if (this.#connection === undefined) this.#waiting.push(bytes);
    else this.#connection.socket.write(bytes);
  }

  close(): void {
    this.isDown = true;
    this.#expected.length = 0;
    this.#connection?.destroy();
  }

  async #open(node: Target): Promise<void> {
    try {
      const connection = await openConnection(node);
      if (this.isDown) {
        connection.destroy();
        return;
      }
      connection.handOver({
        bytes: (buffer, length) => {
          if (!this.#counter.feed(buffer, length)) {
            connection.destroy();
            this.#fail("protocol", "the server sent what is no RESP");
          }
        },
        closed: (error) => {
          this.#fail("connection_lost", error?.message ?? "the server closed the connection");
        },
      });
      this.#connection = connection;
      for (const bytes of this.#waiting.splice(0)) connection.socket.write(bytes);
    } catch (error) {
      this.#fail("connect_failed", error instanceof Error ? error.message : String(error));
    }
  }

  #answered(tell: (errand: Errand) => void): void {
    const expected = this.#expected.shift();
    if (expected?.role === "last") tell(expected.errand);
  }

  #fail(kind: string, text: string): void {
    this.isDown = true;
    for (const { errand, role } of this.#expected.splice(0)) {
      if (role === "last") errand.lost(kind, text);
    }
  }
}
