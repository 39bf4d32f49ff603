/**
 * Counts replies without building them: says of each which kind it is, and skips its bytes. Keeps
 * its place over reads that end anywhere. Knows RESP2 and RESP3.
 */

/** One bit a kind, so that an operation can expect several. */
export const ReplyKind = {
  status: 1,
  integer: 2,
  text: 4,
  /** A null of RESP2 or RESP3: a miss. */
  nil: 8,
  list: 16,
  /** A list, set or map of no elements. */
  empty: 32,
  number: 64,
  error: 128,
} as const;

/** Told of each whole reply, in the order of the commands. */
export interface ReplySink {
  /** So many of one kind, one after the other. */
  reply(kind: number, times: number): void;
  /**
   * A list that is not empty, in place of `reply`: its own elements (a map has two an entry), and
   * how many of them are null or the integer 0. What lies deeper in it does not count.
   */
  list(elements: number, nulls: number, zeros: number): void;
  /** An error reply, its text clipped: `OOM command not allowed …`. */
  failed(text: string): void;
}

const AT_TYPE = 0;
const IN_LENGTH = 1;
const IN_BYTES = 2;
const IN_LINE = 3;
const IN_ERROR = 4;
/** The line of an integer that is an element: whether it is 0 matters. */
const IN_INTEGER = 5;

const MAX_ERROR_TEXT = 200;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const MINUS = 45;
const ZERO = 48;

const PLUS = 43;
const COLON = 58;
const DOLLAR = 36;
const STAR = 42;
const UNDERSCORE = 95;
const COMMA = 44;
const HASH = 35;
const PAREN = 40;
const BANG = 33;
const EQUALS = 61;
const PERCENT = 37;
const TILDE = 126;
const BAR = 124;
const GREATER = 62;

/** Of the bytes that were read last: connections read into the same ones again and again. */
let lastBytes: Uint8Array = new Uint8Array(0);
let lastView: DataView = new DataView(lastBytes.buffer);

function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastView;
}

export class ReplyCounter {
  readonly #sink: ReplySink;
  #state = AT_TYPE;
  #type = 0;
  #number = 0;
  #isNegative = false;
  /** Bytes to skip, with the line end behind them. */
  #skip = 0;
  /** Values that the reply being read still lacks; 0 between replies. */
  #need = 0;
  /** Of the outermost value. */
  #kind = 0;
  #isPush = false;
  /** Whether the value being read is the reply itself, and not an element of it. */
  #isOuter = false;
  /** Of the list that is the reply. */
  #elements = 0;
  #nulls = 0;
  #zeros = 0;
  /**
   * What begins while no more values than these are needed is an element of the reply itself, and
   * no element of a list in it.
   */
  #ownNeed = 0;
  /** An element of a transaction's reply may be an error, too. */
  #hasError = false;
  /** Nothing more is known of the reply than its kind: it has no elements, and is no error. */
  #isPlain = true;
  #errorText = "";

  constructor(sink: ReplySink) {
    this.#sink = sink;
  }

  /** Whether a reply has begun and not ended. */
  get isInside(): boolean {
    return this.#need > 0 || this.#state !== AT_TYPE;
  }

  /** For a new connection. */
  reset(): void {
    this.#state = AT_TYPE;
    this.#need = 0;
    this.#skip = 0;
    this.#isPlain = true;
    this.#hasError = false;
    this.#errorText = "";
  }

  /** Reads the first `end` bytes. False when they are no RESP: the connection is then of no use. */
  feed(bytes: Uint8Array, end: number): boolean {
    let at = 0;
    while (at < end) {
      const state = this.#state;
      if (state === AT_TYPE) {
        at =
          this.#need === 0 ? this.#readWhole(bytes, at, end) : this.#readElements(bytes, at, end);
        if (at === end) return true;
        if (!this.#begin(bytes[at] ?? 0)) return false;
        at += 1;
      } else if (state === IN_LENGTH) {
        at = this.#readLength(bytes, at, end);
        if (at < 0) return false;
      } else if (state === IN_BYTES) {
        const left = end - at;
        if (left < this.#skip) {
          if (this.#type === BANG) this.#keepError(bytes, at, end);
          this.#skip -= left;
          return true;
        }
        if (this.#type === BANG) this.#keepError(bytes, at, at + this.#skip);
        at += this.#skip;
        this.#finishValue();
      } else {
        at = this.#readLine(bytes, at, end);
      }
    }
    return true;
  }

  /**
   * Texts, nulls, integers and statuses that lie whole in this read: nothing has to be remembered
   * of them, and those of one kind are told at once. Gives where something else begins.
   */
  #readWhole(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    const view = viewOf(bytes);
    let kind = 0;
    let times = 0;
    // Of the last reply, where its first line is so short that one look tells the length: 0 if not.
    let length = 0;
    let head = 0;
    let fifth = 0;
    while (at < end) {
      if (length > 0) {
        while (at + length <= end && view.getUint32(at) === head) {
          if (fifth !== 0 && bytes[at + 4] !== fifth) break;
          times += 1;
          at += length;
        }
      }
      if (at >= end) break;
      const type = bytes[at];
      let next = at + 1;
      let found: number = ReplyKind.text;
      if (type === DOLLAR) {
        // As `endOfBulk` does it: a call is seen where one reply comes at a time.
        let size = 0;
        let digit = (bytes[next] ?? 0) - ZERO;
        while (digit >= 0 && digit <= 9 && next < end) {
          size = size * 10 + digit;
          next += 1;
          digit = (bytes[next] ?? 0) - ZERO;
        }
        if (next > at + 1 && bytes[next] === CARRIAGE_RETURN) {
          next += size + 4;
        } else if (next === at + 1 && bytes[next] === MINUS) {
          found = ReplyKind.nil;
          next += 4;
        } else {
          break;
        }
      } else if (type === COLON || type === PLUS) {
        found = type === COLON ? ReplyKind.integer : ReplyKind.status;
        while (next < end && bytes[next] !== LINE_FEED) next += 1;
        next += 1;
      } else if (type === UNDERSCORE) {
        found = ReplyKind.nil;
        next += 2;
      } else {
        break;
      }
      if (next > end) break;
      if (found !== kind) {
        if (times > 0) this.#sink.reply(kind, times);
        kind = found;
        times = 0;
      }
      times += 1;
      length = 0;
      const hasShortLine = bytes[at + 2] === CARRIAGE_RETURN || bytes[at + 3] === CARRIAGE_RETURN;
      if (next - at >= 4 && (hasShortLine || bytes[at + 4] === CARRIAGE_RETURN)) {
        length = next - at;
        head = view.getUint32(at);
        fifth = hasShortLine ? 0 : CARRIAGE_RETURN;
      }
      at = next;
    }
    if (times > 0) this.#sink.reply(kind, times);
    return at;
  }

  /**
   * Texts, nulls, integers and statuses inside a reply that lie whole in this read, but for the
   * last one: with that the reply ends. Gives where something else begins.
   */
  #readElements(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let need = this.#need;
    while (need > 1 && at < end) {
      const type = bytes[at];
      let next = at + 1;
      if (type === DOLLAR) {
        next = endOfBulk(bytes, at, end);
        if (next < 0) break;
      } else if (type === COLON || type === PLUS || type === UNDERSCORE) {
        while (next < end && bytes[next] !== LINE_FEED) next += 1;
        next += 1;
      } else {
        break;
      }
      if (next > end) break;
      if (need <= this.#ownNeed) {
        if (type === UNDERSCORE || (type === DOLLAR && bytes[at + 1] === MINUS)) this.#nulls += 1;
        else if (type === COLON && bytes[at + 1] === ZERO) this.#zeros += 1;
      }
      need -= 1;
      at = next;
    }
    this.#need = need;
    return at;
  }

  #begin(type: number): boolean {
    this.#type = type;
    // Behind an attribute, the value that it belongs to is the reply.
    const isOuter = this.#need === 0 || (this.#need === 1 && this.#kind === 0);
    let kind = 0;
    let state = IN_LINE;
    switch (type) {
      case DOLLAR:
      case EQUALS:
        kind = ReplyKind.text;
        state = IN_LENGTH;
        break;
      case COLON:
        kind = ReplyKind.integer;
        if (!isOuter) state = IN_INTEGER;
        break;
      case PLUS:
        kind = ReplyKind.status;
        break;
      case STAR:
      case TILDE:
      case PERCENT:
      case BAR:
      case GREATER:
        kind = ReplyKind.list;
        state = IN_LENGTH;
        break;
      case UNDERSCORE:
        kind = ReplyKind.nil;
        if (!isOuter && this.#need <= this.#ownNeed) this.#nulls += 1;
        break;
      case COMMA:
      case HASH:
      case PAREN:
        kind = ReplyKind.number;
        break;
      case MINUS:
        kind = ReplyKind.error;
        state = IN_ERROR;
        this.#isPlain = false;
        this.#hasError = true;
        this.#errorText = "";
        break;
      case BANG:
        kind = ReplyKind.error;
        state = IN_LENGTH;
        this.#isPlain = false;
        this.#hasError = true;
        this.#errorText = "";
        break;
      default:
        return false;
    }
    this.#isOuter = isOuter;
    if (isOuter) {
      this.#need = 1;
      this.#kind = kind;
      this.#isPush = type === GREATER;
    }
    if (state === IN_LENGTH || state === IN_INTEGER) {
      this.#number = 0;
      this.#isNegative = false;
    }
    this.#state = state;
    return true;
  }

  /** The digits behind the type; gives where to go on, or -1 for something else than digits. */
  #readLength(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let number = this.#number;
    while (at < end) {
      const byte = bytes[at] ?? 0;
      at += 1;
      if (byte >= ZERO && byte <= ZERO + 9) {
        number = number * 10 + (byte - ZERO);
      } else if (byte === LINE_FEED) {
        this.#number = number;
        this.#lengthKnown();
        return at;
      } else if (byte === MINUS) {
        this.#isNegative = true;
      } else if (byte !== CARRIAGE_RETURN) {
        return -1;
      }
    }
    this.#number = number;
    return at;
  }

  #lengthKnown(): void {
    const type = this.#type;
    if (this.#isNegative) {
      if (this.#isOuter) this.#kind = ReplyKind.nil;
      else if (this.#need <= this.#ownNeed) this.#nulls += 1;
      this.#finishValue();
    } else if (type === DOLLAR || type === EQUALS || type === BANG) {
      this.#skip = this.#number + 2;
      this.#state = IN_BYTES;
    } else {
      this.#openList(type, this.#number);
    }
  }

  #openList(type: number, count: number): void {
    this.#state = AT_TYPE;
    if (type === BAR) {
      // Attributes come before the value that they belong to, and do not stand for it.
      if (this.#isOuter) this.#kind = 0;
      else if (this.#need <= this.#ownNeed) this.#ownNeed = this.#need;
      this.#need += count * 2;
      return;
    }
    const elements = type === PERCENT ? count * 2 : count;
    if (elements > 0) {
      if (this.#isOuter) {
        this.#isPlain = false;
        this.#elements = elements;
        this.#ownNeed = elements;
        this.#nulls = 0;
        this.#zeros = 0;
      } else if (this.#need <= this.#ownNeed) {
        this.#ownNeed = this.#need - 1;
      }
      this.#need += elements - 1;
      return;
    }
    if (this.#isOuter) this.#kind = ReplyKind.empty;
    this.#finishValue();
  }

  #readLine(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && bytes[at] !== LINE_FEED) at += 1;
    if (this.#state !== IN_LINE) this.#lookAtLine(bytes, start, at, at < end);
    if (at === end) return at;
    this.#finishValue();
    return at + 1;
  }

  #lookAtLine(bytes: Uint8Array, start: number, end: number, isWhole: boolean): void {
    if (this.#state === IN_ERROR) {
      this.#keepError(bytes, start, end);
      return;
    }
    for (let at = start; at < end; at++) if ((bytes[at] ?? 0) > ZERO) this.#number = 1;
    if (isWhole && this.#number === 0 && this.#need <= this.#ownNeed) this.#zeros += 1;
  }

  #keepError(bytes: Uint8Array, start: number, end: number): void {
    const room = MAX_ERROR_TEXT - this.#errorText.length;
    if (room <= 0) return;
    this.#errorText += Buffer.from(
      bytes.buffer,
      bytes.byteOffset + start,
      Math.min(room, end - start),
    ).toString("latin1");
  }

  #finishValue(): void {
    this.#state = AT_TYPE;
    this.#need -= 1;
    if (this.#need > 0) return;
    if (this.#isPush) {
      this.#isPlain = true;
      this.#hasError = false;
      return;
    }
    if (this.#isPlain) {
      this.#sink.reply(this.#kind, 1);
      return;
    }
    this.#isPlain = true;
    if (!this.#hasError) {
      this.#sink.list(this.#elements, this.#nulls, this.#zeros);
      return;
    }
    this.#hasError = false;
    this.#sink.failed(this.#errorText.trim());
  }
}

/** Where the text or null that begins at `start` ends; -1 where its first line is not all here. */
function endOfBulk(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  let size = 0;
  let digit = (bytes[at] ?? 0) - ZERO;
  while (digit >= 0 && digit <= 9 && at < end) {
    size = size * 10 + digit;
    at += 1;
    digit = (bytes[at] ?? 0) - ZERO;
  }
  if (at > start + 1) return bytes[at] === CARRIAGE_RETURN ? at + size + 4 : -1;
  return bytes[at] === MINUS ? at + 4 : -1;
}
