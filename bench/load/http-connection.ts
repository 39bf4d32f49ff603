/**
 * One keep-alive HTTP/1.1 connection that costs the sender as little as possible: requests are
 * bytes that were made before, and of an answer only the status and the length are looked at.
 */
import net from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const HEAD_END = Buffer.from("\r\n\r\n");

export class HttpConnection implements Disposable {
  readonly #socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | null = null;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static async open(url: URL): Promise<HttpConnection> {
    const socket = net.connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new HttpConnection(socket);
  }

  /** One request at a time. The parts go out as they are. */
  send(...parts: readonly Uint8Array[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.cork();
      for (const part of parts) this.#socket.write(part);
      this.#socket.uncork();
    });
  }

  [Symbol.dispose](): void {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString("latin1", 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#fail(new Error(`an answer without a length:\n${head}`));
      return;
    }
    const end = headEnd + HEAD_END.length + Number(length);
    if (this.#received.length < end) return;
    const body = this.#received.subarray(headEnd + HEAD_END.length, end);
    this.#received = this.#received.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve({ status: Number(head.slice(9, 12)), body });
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}

export interface Target {
  /** `http://127.0.0.1:4186` */
  readonly url: string;
  readonly token: string;
  readonly dataset: string;
}

/** The head of a request that brings rows; `more` is a further header line. */
export function rowsHead(target: Target, contentType: string, length: number, more = ""): Buffer {
  const { host } = new URL(target.url);
  const lines = [
    `POST /v1/datasets/${target.dataset}/rows HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${target.token}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${length}`,
    ...(more === "" ? [] : [more]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

export const CONTENT_TYPES = {
  ndjson: "application/x-ndjson",
  csv: "text/csv",
  parquet: "application/vnd.apache.parquet",
} as const;

/** As far as the benchmarks read the answer to rows. */
export interface RowsAnswer {
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly late: number;
}

export interface Taken {
  readonly answer: RowsAnswer;
  /** How often the server was busy first. */
  readonly refused: number;
}

/** Sends a body until the server has room for it; anything but rows taken is an error. */
export async function sendRows(
  connection: HttpConnection,
  head: Buffer,
  body: Buffer,
): Promise<Taken> {
  for (let refused = 0; ; refused++) {
    const answer = await connection.send(head, body);
    if (answer.status === 200) {
      return { answer: JSON.parse(answer.body.toString()) as RowsAnswer, refused };
    }
    if (answer.status !== 429) throw new Error(`${answer.status}: ${answer.body.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
