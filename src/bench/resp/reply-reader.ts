/** Builds replies, for the few whose content matters: INFO, HELLO, CLUSTER SLOTS, messages. */

/** An error reply as a value: whoever asked decides what it means. */
export class ReplyError extends Error {
  /** The first word: `WRONGPASS`, `MOVED`, `ERR`. */
  readonly word: string;

  constructor(text: string) {
    super(text);
    this.name = "ReplyError";
    this.word = text.split(" ", 1)[0] ?? "ERR";
  }
}

/** Maps of RESP3 come as flat lists, as RESP2 writes them. */
export type Reply = string | number | null | ReplyError | readonly Reply[];

export interface ReadReply {
  readonly value: Reply;
  /** A message that no command asked for. */
  readonly isPush: boolean;
}

const MAX_DEPTH = 64;

export class ReplyReader {
  #rest: Buffer = Buffer.alloc(0);
  #at = 0;

  /** All replies that are whole by now. Throws for bytes that are no RESP. */
  read(chunk: Uint8Array): readonly ReadReply[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const replies: ReadReply[] = [];
    let done = 0;
    for (;;) {
      this.#at = done;
      const isPush = this.#rest[done] === 62;
      const value = this.#value(0);
      if (value === undefined) break;
      replies.push({ value, isPush });
      done = this.#at;
    }
    this.#rest = this.#rest.subarray(done);
    return replies;
  }

  /** Undefined while bytes are missing; what was read is then read again with the next chunk. */
  #value(depth: number): Reply | undefined {
    if (depth > MAX_DEPTH) throw new Error(`a reply is nested deeper than ${MAX_DEPTH}`);
    const line = this.#line();
    if (line === undefined) return undefined;
    const body = line.slice(1);
    switch (line[0]) {
      case "+":
      case "(":
        return body;
      case "-":
        return new ReplyError(body);
      case ":":
      case ",":
        return Number(body);
      case "#":
        return body === "t" ? 1 : 0;
      case "_":
        return null;
      case "$":
      case "=":
        return this.#bytes(Number(body));
      case "!": {
        const text = this.#bytes(Number(body));
        return text === undefined ? undefined : new ReplyError(text ?? "ERR");
      }
      case "*":
      case "~":
      case ">":
        return this.#list(Number(body), depth);
      case "%":
        return this.#list(Number(body) * 2, depth);
      case "|":
        return this.#list(Number(body) * 2, depth) === undefined
          ? undefined
          : this.#value(depth + 1);
      default:
        throw new Error(`a reply begins with ${JSON.stringify(line.slice(0, 20))}`);
    }
  }

  #line(): string | undefined {
    const end = this.#rest.indexOf("\r\n", this.#at);
    if (end < 0) return undefined;
    const text = this.#rest.toString("utf8", this.#at, end);
    this.#at = end + 2;
    return text;
  }

  #bytes(length: number): string | null | undefined {
    if (length < 0) return null;
    const end = this.#at + length;
    if (this.#rest.length < end + 2) return undefined;
    const text = this.#rest.toString("utf8", this.#at, end);
    this.#at = end + 2;
    return text;
  }

  #list(length: number, depth: number): readonly Reply[] | null | undefined {
    if (length < 0) return null;
    const values: Reply[] = [];
    for (let index = 0; index < length; index++) {
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }
}
