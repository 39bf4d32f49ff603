/** Lets so many results be open and so many more wait, and turns the rest away. */
import { KurobeError } from "../core/errors.ts";
import { type Connection, type Database } from "../duckdb/duckdb.ts";

export interface SlotLimits {
  /** Results being read. Most wait for their readers: `Gate` bounds those that compute. */
  readonly maxOpen: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

/** A connection to use alone; disposing it lets the next query in. */
export interface Slot extends AsyncDisposable {
  readonly connection: Connection;
}

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: KurobeError) => void;
}

/** So many at once, in order of arrival. Its callers hold a slot, so the line is bounded. */
export class Gate {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
  }

  leave(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

export class Slots implements AsyncDisposable {
  readonly #database: Database;
  readonly #limits: SlotLimits;
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiter[] = [];
  #running = 0;
  #isClosed = false;

  constructor(database: Database, limits: SlotLimits) {
    this.#database = database;
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Throws `KRB_QUERY_BUSY` when too many wait already or this one waited too long. */
  async take(signal: AbortSignal | undefined): Promise<Slot> {
    if (this.#isClosed) throw closed();
    if (this.#running < this.#limits.maxOpen) this.#running += 1;
    else await this.#wait(signal);
    try {
      const connection = this.#idle.pop() ?? (await this.#database.connect());
      return { connection, [Symbol.asyncDispose]: () => this.#giveBack(connection) };
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= this.#limits.maxWaiting) {
      throw busy(`${this.#running} results are open and ${this.#waiting.length} wait`);
    }
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
      };
      const refuse = (error: KurobeError): void => {
        settle();
        reject(error);
      };
      const admit = (): void => {
        settle();
        resolve();
      };
      const waiter: Waiter = { admit, refuse };
      const onAbort = (): void =>
        refuse(new KurobeError("KRB_QUERY_CANCELLED", "cancelled while it waited for its turn"));
      const { maxWaitMs } = this.#limits;
      const timer = setTimeout(() => refuse(busy(`waited for ${maxWaitMs} ms`)), maxWaitMs);
      this.#waiting.push(waiter);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  async #giveBack(connection: Connection): Promise<void> {
    if (this.#isClosed) await connection[Symbol.asyncDispose]();
    else this.#idle.push(connection);
    this.#leave();
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#running -= 1;
    else next.admit();
  }

  /** Those that wait are turned away; running ones close their connection when they end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const waiter of [...this.#waiting]) waiter.refuse(closed());
    await Promise.all(this.#idle.splice(0).map((connection) => connection[Symbol.asyncDispose]()));
  }
}

function busy(message: string): KurobeError {
  return new KurobeError("KRB_QUERY_BUSY", message);
}

function closed(): KurobeError {
  return new KurobeError("KRB_CORE_CLOSED", "queries are no longer taken");
}
