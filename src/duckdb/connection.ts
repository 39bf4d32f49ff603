/** One conversation with DuckDB: one statement at a time, one transaction at a time. */
import bindings, {
  type Connection as Handle,
  type PendingResult,
  type PreparedStatement,
  type Result,
} from "@duckdb/node-bindings";
import { assert, KurobeError } from "../core/errors.ts";
import { type Sql, type SqlValue } from "../core/sql.ts";
import { appendRows, type AppendValue } from "./appender.ts";
import { bindValue } from "./bind.ts";
import { appendColumns, type ColumnData, type RowRange } from "./column-data.ts";
import { duckdbError } from "./failure.ts";
import { allRows, columnsOf } from "./result.ts";
import { OpenStream, type ResultStream } from "./stream.ts";
import { type Value } from "./value.ts";

export interface StatementOptions {
  /** Aborting it interrupts the statement, which then fails with `KRB_DUCKDB_INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * SQL text with its values: what the `sql` tag makes, or a user's text that `query/` has judged.
 * Values by name fill `$name`.
 */
export interface Statement {
  readonly text: string;
  readonly values: readonly SqlValue[] | Readonly<Record<string, SqlValue>>;
}

/**
 * A statement that was planned once and runs many times: saves about half of a small one's time.
 */
export interface Prepared extends Disposable {
  /** Runs it with values for `$1, $2, …`; gives the number of changed rows. */
  run(values?: readonly SqlValue[], options?: StatementOptions): Promise<number>;
  values(values?: readonly SqlValue[], options?: StatementOptions): Promise<Value[][]>;
}

/** An interrupt that comes before DuckDB has begun is lost, so it is repeated until the end. */
const INTERRUPT_EVERY_MS = 20;

/** How often a statement in the background is asked whether it is done. */
const LOOK_EVERY_MS = 5;

export interface ConnectionOptions {
  /** Whether the database has threads beside those that run statements. */
  readonly hasWorkers: boolean;
  readonly onClose: (connection: Connection) => void;
}

/**
 * Caller promises: the next call starts after the last one's promise settled and its stream was
 * read to the end or disposed. We promise: a broken promise is an assertion, never a mixed result.
 */
export class Connection implements AsyncDisposable {
  readonly #handle: Handle;
  readonly #hasWorkers: boolean;
  readonly #onClose: (connection: Connection) => void;
  #isBusy = false;
  #isClosed = false;
  #isInTransaction = false;
  /** Since the last statement began. */
  #wasInterrupted = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(handle: Handle, { hasWorkers, onClose }: ConnectionOptions) {
    this.#handle = handle;
    this.#hasWorkers = hasWorkers;
    this.#onClose = onClose;
  }

  /**
   * Runs a statement and gives the number of changed rows. Without values the text may hold several
   * statements, which cost one round trip; the last one's count is given.
   */
  async run(statement: Statement, options: StatementOptions = {}): Promise<number> {
    return this.#exclusive(options.signal, async () =>
      bindings.rows_changed(await this.#execute(statement)),
    );
  }

  /**
   * Runs a long statement that nobody waits for, and gives the number of changed rows. DuckDB's own
   * threads do all of its work: with `run`, one more computes, and takes a processor from those who
   * wait for an answer.
   */
  async runInBackground(statement: Statement, options: StatementOptions = {}): Promise<number> {
    if (!this.#hasWorkers) return await this.run(statement, options);
    return this.#exclusive(options.signal, async () => {
      const prepared = await this.#prepare(statement.text);
      try {
        bindAll(prepared, statement.values);
        throwIfAborted(options.signal);
        const pending = bindings.pending_prepared(prepared);
        while (!isFinished(pending)) {
          await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        }
        return bindings.rows_changed(await bindings.execute_pending(pending));
      } finally {
        bindings.destroy_prepare_sync(prepared);
      }
    });
  }

  /** All rows as objects, values as in `value.ts`. Only for results known to be small. */
  async rows<T = Readonly<Record<string, Value>>>(
    statement: Sql,
    options: StatementOptions = {},
  ): Promise<T[]> {
    return this.#exclusive(options.signal, async () => {
      const result = await this.#execute(statement);
      const columns = columnsOf(result);
      return allRows(result, columns).map(
        (row) => Object.fromEntries(row.map((value, i) => [columns[i]?.name ?? "", value])) as T,
      );
    });
  }

  /** All rows as arrays in column order. Only for results known to be small. */
  async values(statement: Sql, options: StatementOptions = {}): Promise<Value[][]> {
    return this.#exclusive(options.signal, async () => {
      const result = await this.#execute(statement);
      return allRows(result, columnsOf(result));
    });
  }

  /** Starts a single statement; rows come as they are computed, no faster than they are read. */
  async stream(statement: Statement, options: StatementOptions = {}): Promise<ResultStream> {
    const release = this.#acquire();
    const stopInterrupting = this.#interruptOn(options.signal);
    const end = (): void => {
      stopInterrupting();
      release();
    };
    try {
      const prepared = await this.#prepare(statement.text);
      try {
        bindAll(prepared, statement.values);
        throwIfAborted(options.signal);
        const result = await bindings.execute_prepared_streaming(prepared);
        const wasInterrupted = (): boolean => this.#wasInterrupted;
        return new OpenStream(result, columnsOf(result), { end, wasInterrupted });
      } finally {
        bindings.destroy_prepare_sync(prepared);
      }
    } catch (error) {
      end();
      throw duckdbError(error);
    }
  }

  /**
   * Plans a single statement for many runs on this connection. Its values are given at each run.
   */
  async prepare(statement: Sql): Promise<Prepared> {
    const prepared = await this.#exclusive(undefined, () => this.#prepare(statement.text));
    const execute = async <T>(
      values: readonly SqlValue[],
      options: StatementOptions,
      read: (result: Result) => T,
    ): Promise<T> =>
      this.#exclusive(options.signal, async () => {
        bindAll(prepared, values);
        return read(await bindings.execute_prepared(prepared));
      });
    return {
      run: (values = [], options = {}) => execute(values, options, bindings.rows_changed),
      values: (values = [], options = {}) =>
        execute(values, options, (result) => allRows(result, columnsOf(result))),
      [Symbol.dispose]: () => bindings.destroy_prepare_sync(prepared),
    };
  }

  /**
   * Runs `work` between BEGIN and COMMIT; anything it throws rolls back and is thrown on. What
   * COMMIT itself throws means that nothing was committed (the database is in memory).
   */
  async transaction<T>(
    work: () => Promise<T>,
    options: { readonly readOnly?: boolean } = {},
  ): Promise<T> {
    assert(!this.#isInTransaction, "a transaction is already open on this connection");
    await this.#text(options.readOnly === true ? "BEGIN TRANSACTION READ ONLY" : "BEGIN");
    this.#isInTransaction = true;
    try {
      const answer = await work();
      await this.#text("COMMIT");
      return answer;
    } catch (error) {
      // After a failed COMMIT there is no transaction left to roll back.
      await this.#text("ROLLBACK").catch(() => undefined);
      throw error;
    } finally {
      this.#isInTransaction = false;
    }
  }

  /**
   * Adds rows made in JavaScript, values in the table's column order; a table is
   * `[name]` or `[schema, name]`. It blocks the event loop for about 1 µs a value: for up to a few
   * thousand rows. `INSERT … VALUES` would cost 50 times as much a row.
   */
  append(table: readonly string[], rows: readonly (readonly AppendValue[])[]): void {
    const release = this.#acquire();
    try {
      appendRows(this.#handle, table, rows);
    } catch (error) {
      throw duckdbError(error);
    } finally {
      release();
    }
  }

  /** Adds rows that lie in memory column by column: what takes rows in by the million. */
  appendColumns(
    table: readonly string[],
    columns: readonly ColumnData[],
    ranges: readonly RowRange[],
  ): void {
    const release = this.#acquire();
    try {
      appendColumns(this.#handle, table, columns, ranges);
    } catch (error) {
      throw duckdbError(error);
    } finally {
      release();
    }
  }

  /**
   * Asks the running statement to stop. Most do within milliseconds; some expressions never look.
   */
  interrupt(): void {
    if (this.#isClosed) return;
    this.#wasInterrupted = true;
    bindings.interrupt(this.#handle);
  }

  /** Interrupts what is running, waits for it to end, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    if (this.#isBusy) {
      const timer = setInterval(() => this.interrupt(), INTERRUPT_EVERY_MS);
      this.interrupt();
      await this.#idle;
      clearInterval(timer);
    }
    if (this.#isClosed) return;
    this.#isClosed = true;
    bindings.disconnect_sync(this.#handle);
    this.#onClose(this);
  }

  async #text(text: string): Promise<void> {
    await this.#exclusive(undefined, () => bindings.query(this.#handle, text));
  }

  async #execute(statement: Statement): Promise<Result> {
    if (Object.keys(statement.values).length === 0) {
      return bindings.query(this.#handle, withoutNul(statement.text));
    }
    const prepared = await this.#prepare(statement.text);
    try {
      bindAll(prepared, statement.values);
      return await bindings.execute_prepared(prepared);
    } finally {
      bindings.destroy_prepare_sync(prepared);
    }
  }

  #prepare(text: string): Promise<PreparedStatement> {
    return bindings.prepare(this.#handle, withoutNul(text));
  }

  async #exclusive<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const release = this.#acquire();
    let stopInterrupting: (() => void) | undefined;
    try {
      stopInterrupting = this.#interruptOn(signal);
      return await work();
    } catch (error) {
      throw duckdbError(error);
    } finally {
      stopInterrupting?.();
      release();
    }
  }

  #acquire(): () => void {
    if (this.#isClosed) throw new KurobeError("KRB_CORE_CLOSED", "the connection is closed");
    assert(!this.#isBusy, "the connection is running another statement");
    this.#isBusy = true;
    this.#wasInterrupted = false;
    let settle: () => void = () => undefined;
    this.#idle = new Promise((resolve) => {
      settle = resolve;
    });
    return () => {
      this.#isBusy = false;
      settle();
    };
  }

  #interruptOn(signal: AbortSignal | undefined): () => void {
    if (signal === undefined) return () => undefined;
    throwIfAborted(signal);
    let timer: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      this.interrupt();
      timer = setInterval(() => this.interrupt(), INTERRUPT_EVERY_MS);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return () => {
      signal.removeEventListener("abort", onAbort);
      clearInterval(timer);
    };
  }
}

/** A look does none of the work. Throws what the statement failed with. */
function isFinished(pending: PendingResult): boolean {
  const state = bindings.pending_execute_check_state(pending);
  // DuckDB has no word of its own for a statement that is done: it calls it an error without text.
  const failure = state === bindings.PendingState.ERROR ? bindings.pending_error(pending) : "";
  if (failure !== "") throw new Error(failure);
  return bindings.pending_execution_is_finished(state);
}

function bindAll(prepared: PreparedStatement, values: Statement["values"]): void {
  for (const [name, value] of Object.entries(values)) {
    const index = Array.isArray(values)
      ? Number(name) + 1
      : bindings.bind_parameter_index(prepared, name);
    bindValue(prepared, index, value);
  }
}

/** The bindings hand text on as a C string: what follows a NUL would silently not run. */
function withoutNul(text: string): string {
  if (text.includes("\0")) {
    throw new KurobeError("KRB_DUCKDB_STATEMENT", "the statement has a NUL character", {
      details: { kind: "Parser" },
    });
  }
  return text;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new KurobeError("KRB_DUCKDB_INTERRUPTED", "cancelled before it started", {
      cause: signal.reason,
    });
  }
}
