/** One judged statement being read: its transaction, its lease on chunk files, its limits. */
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { sql } from "../core/sql.ts";
import {
  type Column,
  type Connection,
  type ResultChunk,
  type ResultStream,
  type Statement,
} from "../duckdb/duckdb.ts";
import { type Slot } from "./slots.ts";
import { type Watch } from "./watch.ts";
import { computeStatement, emptyStatement } from "./wrap.ts";

export interface ReadingParts {
  readonly slot: Slot;
  readonly watch: Watch;
  /** Released at the end: until then no chunk file that the statement reads is removed. */
  readonly lease: Disposable;
  readonly onEnd: () => void;
}

/** Closing it, at the end or early, rolls back and gives the connection to the next query. */
export class Reading implements AsyncDisposable {
  readonly #parts: ReadingParts;
  #statement: Statement | undefined;
  #stream: ResultStream | undefined;
  #iterator: AsyncIterator<ResultChunk> | undefined;
  #first: ResultChunk | undefined;
  #hasTransaction = false;
  #last: Promise<unknown> = Promise.resolve();
  readonly #atEnd: (() => Promise<void>)[] = [];
  #closing: Promise<void> | undefined;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
  }

  get #connection(): Connection {
    return this.#parts.slot.connection;
  }

  get columns(): readonly Column[] {
    return this.#stream?.columns ?? [];
  }

  /** Starts a transaction in which nothing can be written; `meanwhile` runs at the same time. */
  async begin<T>(meanwhile: () => Promise<T>): Promise<T> {
    const beginning = this.#compute(async () => {
      await this.#connection.run(sql`BEGIN TRANSACTION READ ONLY`);
      this.#hasTransaction = true;
    });
    const [begun, answer] = await Promise.allSettled([beginning, meanwhile()]);
    if (begun.status === "rejected") throw begun.reason;
    if (answer.status === "rejected") throw answer.reason;
    return answer.value;
  }

  /**
   * Plans the statement and waits for its first rows, so that most errors come before any answer.
   */
  async start(statement: Statement): Promise<void> {
    this.#statement = statement;
    await this.#compute(async (signal) => {
      this.#stream = await this.#connection.stream(statement, { signal });
      this.#iterator = this.#stream[Symbol.asyncIterator]();
      this.#first = await this.#next();
    });
  }

  /** The columns of its result; most errors come here, before any row is computed. */
  describe(statement: Statement): Promise<readonly Column[]> {
    return this.#compute(async (signal) => {
      await using stream = await this.#connection.stream(emptyStatement(statement), { signal });
      return stream.columns;
    });
  }

  /** Runs a statement for its effect outside of the database: an export. Gives the row count. */
  run(statement: Statement): Promise<number> {
    return this.#compute((signal) => this.#connection.run(statement, { signal }));
  }

  /** Does something more when the reading ends, before the connection is given back. */
  defer(atEnd: () => Promise<void>): void {
    this.#atEnd.push(atEnd);
  }

  async #compute<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { watch } = this.#parts;
    const computing = asQueryError(() => watch.computing(() => work(watch.signal)));
    this.#last = computing.catch(() => undefined);
    return computing;
  }

  /** The chunks, once, in order. Throws `KRB_QUERY_TOO_MANY_ROWS` after `maxRows`. */
  async *chunks(maxRows: number): AsyncGenerator<ResultChunk> {
    let rowCount = 0;
    let chunk = this.#first;
    this.#first = undefined;
    while (chunk !== undefined) {
      rowCount += chunk.rowCount;
      if (rowCount > maxRows) throw tooManyRows(maxRows);
      yield chunk;
      chunk = await this.#compute(() => this.#next()).catch((error) => this.#explained(error));
    }
  }

  /** A stream that fails loses DuckDB's words: running it once more without its rows finds them. */
  async #explained(error: unknown): Promise<never> {
    const statement = this.#statement;
    if (!isKurobeError(error, "KRB_DUCKDB_STREAM_FAILED") || statement === undefined) throw error;
    await this.#stream?.[Symbol.asyncDispose]();
    await this.run(sql`ROLLBACK; BEGIN TRANSACTION READ ONLY`);
    await this.run(computeStatement(statement));
    throw new KurobeError("KRB_QUERY_SQL", error.message, { cause: error });
  }

  async #next(): Promise<ResultChunk | undefined> {
    const next = await this.#iterator?.next();
    return next === undefined || next.done === true ? undefined : next.value;
  }

  [Symbol.asyncDispose](): Promise<void> {
    // Not at once: stopping the watch comes back here.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { slot, watch, lease, onEnd } = this.#parts;
    watch.stop("cancelled");
    await this.#last;
    watch[Symbol.dispose]();
    try {
      await this.#stream?.[Symbol.asyncDispose]();
      if (this.#hasTransaction) await this.#connection.run(sql`ROLLBACK`);
      for (const atEnd of this.#atEnd) await atEnd();
    } finally {
      lease[Symbol.dispose]();
      onEnd();
      await slot[Symbol.asyncDispose]();
    }
  }
}

export function tooManyRows(maxRows: number): KurobeError {
  return new KurobeError("KRB_QUERY_TOO_MANY_ROWS", `the result has more than ${maxRows} rows`);
}

/** What DuckDB says of a user's statement is the user's to correct. */
async function asQueryError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (
      isKurobeError(error, "KRB_DUCKDB_STATEMENT") ||
      isKurobeError(error, "KRB_DUCKDB_CONVERSION")
    ) {
      throw new KurobeError("KRB_QUERY_SQL", error.message, {
        details: error.details,
        cause: error,
      });
    }
    if (isKurobeError(error, "KRB_DUCKDB_OUT_OF_MEMORY")) {
      throw new KurobeError("KRB_QUERY_MEMORY", error.message, { cause: error });
    }
    throw error;
  }
}
