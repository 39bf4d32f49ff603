/**
 * One connection under load: a batch of operations goes out in one write, its replies are counted
 * as they come, and when the last one is there the pacer decides what is next.
 */
import { commandSpans } from "../resp/command-span.ts";
import { ReplyCounter, ReplyKind, type ReplySink } from "../resp/reply-counter.ts";
import { type Connection, type ConnectionTaker, openConnection } from "../resp/connection.ts";
import { DirectWriter } from "../resp/direct-write.ts";
import { type Target } from "../target/target.ts";
import { type Composer, PART_OF_OPERATION } from "../workload/composer.ts";
import { type Couriers, type Errand, readRedirect, type Redirect } from "./couriers.ts";
import { errorWord, type Recorder } from "./recorder.ts";
import { type Tally } from "./tally.ts";

export interface Pacer {
  /** The lane has nothing in flight. It may send, or rest until it is asked to. */
  ready(lane: Lane, nowMs: number): void;
  /** The lane has lost its connection, and will be ready again or not. */
  lost(lane: Lane): void;
  /** A reply says that a key lives elsewhere. */
  moved(): void;
}

/** What a lane works for, from one run to the next. */
export interface LaneWork {
  readonly composer: Composer;
  readonly recorder: Recorder;
  readonly tally: Tally;
  readonly pacer: Pacer;
  /** In a cluster alone: they follow MOVED and ASK. */
  readonly couriers?: Couriers | undefined;
}

const RECONNECT_MS = 50;
const MAX_RECONNECT_MS = 1000;

export class Lane implements ReplySink, ConnectionTaker {
  #target: Target;
  readonly #counter = new ReplyCounter(this);
  #connection: Connection | undefined;
  #writer: DirectWriter | undefined;
  #work: LaneWork | undefined;
  #head = 0;
  #replyCount = 0;
  #sentMs = 0;
  #nowMs = 0;
  /** Intended times of the batch's operations; empty in a closed loop. */
  #intendedMs: Float64Array | undefined;
  #operationIndex = 0;
  /** The batch in flight; valid until the next one. */
  #batch: Buffer = Buffer.alloc(0);
  /** Where a reply of the operation that is due was sent to, and which reply it was. */
  #redirect: Redirect | undefined;
  #redirectHead = 0;
  /** Operations that couriers carry: the batch ends with the last of them. */
  readonly #away = new Map<Errand, number>();
  #isClosed = false;
  #isReconnecting = false;
  /** Ends what `reconnect` waits for. */
  #hurry: () => void = () => undefined;

  constructor(target: Target) {
    this.#target = target;
  }

  get target(): Target {
    return this.#target;
  }

  get isBusy(): boolean {
    return this.#head < this.#replyCount || this.#away.size > 0;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** When the batch in flight was sent. */
  get sentMs(): number {
    return this.#sentMs;
  }

  async connect(): Promise<void> {
    const target = this.#target;
    const connection = await openConnection(target);
    if (this.#isClosed || target !== this.#target || this.isConnected) {
      connection.destroy();
      return;
    }
    this.#counter.reset();
    connection.handOver(this);
    this.#connection = connection;
    this.#writer = new DirectWriter(connection.socket);
  }

  assign(work: LaneWork): void {
    this.#work = work;
    this.#head = 0;
    this.#replyCount = 0;
    this.#redirect = undefined;
    this.#away.clear();
  }

  /** The same work, with another pacer: what is in flight stays in flight. */
  answerTo(work: LaneWork): void {
    this.#work = work;
  }

  /** `intendedMs` holds one time an operation; its first `count` entries are read until the end. */
  send(count: number, nowMs: number, intendedMs?: Float64Array): void {
    const work = this.#work;
    const writer = this.#writer;
    if (work === undefined || writer === undefined) return;
    const bytes = work.composer.compose(count, intendedMs);
    this.#batch = bytes;
    this.#head = 0;
    this.#replyCount = work.composer.replyCount;
    this.#operationIndex = 0;
    this.#intendedMs = intendedMs;
    this.#sentMs = nowMs;
    work.recorder.bytesOut += bytes.length;
    writer.write(bytes);
  }

  bytes(buffer: Uint8Array, length: number): void {
    const work = this.#work;
    if (work === undefined) return;
    this.#nowMs = performance.now();
    work.recorder.bytesIn += length;
    const wasBusy = this.isBusy;
    const isResp = this.#counter.feed(buffer, length);
    work.tally.settle(this.#nowMs - this.#sentMs);
    if (!isResp) {
      this.fail("protocol", "the server sent what is no RESP");
      return;
    }
    if (wasBusy && !this.isBusy) work.pacer.ready(this, this.#nowMs);
  }

  reply(kind: number, times: number): void {
    const work = this.#work;
    const operation = work?.composer.onlyOperation ?? -1;
    if (operation < 0 || this.#intendedMs !== undefined || this.#redirect !== undefined) {
      for (let time = 0; time < times; time++) this.#replyOne(kind);
      return;
    }
    // All replies are of one operation and share one latency.
    const count = Math.min(times, this.#replyCount - this.#head);
    this.#head += count;
    this.#operationIndex += count;
    if (count > 0 && work?.tally.accepts(operation, kind, count) === true) {
      this.#succeed(operation, count);
    }
  }

  list(elements: number, nulls: number, zeros: number): void {
    this.#work?.tally.look(elements, nulls, zeros);
    this.reply(ReplyKind.list, 1);
  }

  #replyOne(kind: number): void {
    if (this.#redirect !== undefined) {
      this.#sendOn();
      return;
    }
    const operation = this.#nextOperation();
    if (operation < 0 || this.#work?.tally.accepts(operation, kind, 1) !== true) return;
    this.#succeed(operation, 1);
  }

  failed(text: string): void {
    const work = this.#work;
    const word = errorWord(text);
    if (word === "MOVED" || word === "ASK") {
      work?.pacer.moved();
      if (work?.couriers !== undefined && this.#redirect === undefined) {
        this.#redirect = readRedirect(text, this.#target);
        this.#redirectHead = this.#head;
      }
    }
    if (this.#redirect !== undefined) {
      this.#sendOn();
      return;
    }
    const operation = this.#nextOperation();
    // A command inside a transaction: its operation fails when EXEC is refused.
    work?.recorder.fail(operation, word, text);
  }

  closed(error: Error | undefined, connection: Connection): void {
    // One that was given up for a new one closes later.
    if (this.#connection !== connection) return;
    this.fail("connection_lost", error?.message ?? "the server closed the connection");
  }

  /** Gives up what is in flight, and the connection: what comes after a lost reply is unknown. */
  fail(kind: string, text: string): void {
    const work = this.#work;
    for (;;) {
      const operation = this.#head < this.#replyCount ? this.#nextOperation() : -2;
      if (operation === -2) break;
      if (operation >= 0) work?.recorder.fail(operation, kind, text);
    }
    this.#redirect = undefined;
    for (const operation of this.#away.values()) work?.recorder.fail(operation, kind, text);
    this.#away.clear();
    this.#disconnect();
    work?.pacer.lost(this);
  }

  /**
   * Gives up its connection for one to another node, which `reconnect` opens. Nothing may be in
   * flight; a `reconnect` that goes on already leaves the old node alone at once.
   */
  moveTo(target: Target): void {
    this.#target = target;
    this.#disconnect();
    this.#hurry();
  }

  /** Tries again and again, slower each time, until it is connected or `signal` aborts. */
  async reconnect(signal: AbortSignal): Promise<boolean> {
    if (this.#isReconnecting) return false;
    this.#isReconnecting = true;
    const stop = (): void => this.#hurry();
    signal.addEventListener("abort", stop);
    let waitMs = RECONNECT_MS;
    try {
      while (!signal.aborted && !this.#isClosed) {
        const target = this.#target;
        const hurried = new Promise<void>((resolve) => (this.#hurry = resolve));
        try {
          // A node that is gone may keep us waiting for seconds.
          await Promise.race([this.connect(), hurried]);
          if (this.isConnected) {
            if (this.#work !== undefined) this.#work.recorder.reconnects += 1;
            return true;
          }
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          this.#work?.recorder.fail(-1, "connect_failed", message);
          await pause(waitMs, hurried);
        }
        waitMs = target === this.#target ? Math.min(MAX_RECONNECT_MS, waitMs * 2) : RECONNECT_MS;
      }
      return false;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#isReconnecting = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#work = undefined;
    this.#disconnect();
  }

  #disconnect(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#writer = undefined;
  }

  /** Of the reply that is due; -1 for one that does not end an operation. */
  #nextOperation(): number {
    if (this.#head >= this.#replyCount) return -1;
    const operation = this.#work?.composer.replies[this.#head] ?? PART_OF_OPERATION;
    this.#head += 1;
    if (operation === PART_OF_OPERATION) return -1;
    this.#operationIndex += 1;
    return operation;
  }

  /** Once the last reply of the operation is here, a courier takes what was not done. */
  #sendOn(): void {
    const work = this.#work;
    const redirect = this.#redirect;
    const operation = this.#nextOperation();
    if (operation < 0 || work?.couriers === undefined || redirect === undefined) return;
    this.#redirect = undefined;
    const { composer, recorder } = work;
    const spans = commandSpans(this.#batch, this.#head);
    let first = this.#head - 1;
    while (first > 0 && composer.replies[first - 1] === PART_OF_OPERATION) first -= 1;
    // Nothing of a transaction was done; of other commands those before the first that was sent on.
    const isTransaction = isMulti(this.#batch, spans[first]?.start ?? 0);
    if (isTransaction && redirect.kind === "ASK") {
      recorder.fail(operation, "ASK", "a transaction on a slot that is moving");
      return;
    }
    const from = isTransaction ? first : this.#redirectHead;
    const sentMs = this.#sentMs;
    const intendedMs = this.#intendedMs?.[this.#operationIndex - 1];
    const settle = (tell: () => void): void => {
      // The lane has given the operation up already, and has counted it.
      if (!this.#away.delete(errand)) return;
      tell();
      // Not the pacer of then: the lane may have to leave by now.
      if (!this.isBusy) this.#work?.pacer.ready(this, performance.now());
    };
    const errand: Errand = {
      bytes: Buffer.from(this.#batch.subarray(spans[from]?.start, spans.at(-1)?.end)),
      replies: this.#head - from,
      done: (kind, inside) => {
        settle(() => {
          if (inside !== undefined) work.tally.look(...inside);
          if (!work.tally.accepts(operation, kind, 1)) return;
          const nowMs = performance.now();
          recorder.record(operation, nowMs - (intendedMs ?? sentMs), 1);
          if (intendedMs !== undefined) recorder.sinceSent.record(nowMs - sentMs);
        });
      },
      failed: (text) => settle(() => recorder.fail(operation, errorWord(text), text)),
      lost: (kind, text) => settle(() => recorder.fail(operation, kind, text)),
      sentOn: ({ kind }) => recorder.sentOn(kind),
    };
    this.#away.set(errand, operation);
    work.couriers.send(errand, redirect);
  }

  #succeed(operation: number, times: number): void {
    const intended = this.#intendedMs;
    if (intended === undefined) {
      this.#work?.tally.add(operation, times);
      return;
    }
    const recorder = this.#work?.recorder;
    const intendedMs = intended[this.#operationIndex - 1] ?? this.#sentMs;
    recorder?.record(operation, this.#nowMs - intendedMs, 1);
    recorder?.sinceSent.record(this.#nowMs - this.#sentMs);
  }
}

function isMulti(bytes: Buffer, start: number): boolean {
  return bytes.toString("latin1", start, start + 15).toUpperCase() === "*1\r\n$5\r\nMULTI\r\n";
}

async function pause(waitMs: number, hurried: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)));
  await Promise.race([over, hurried]);
  clearTimeout(timer);
}
