/** A result read chunk by chunk, that never passes half of itself off as the whole. */
import bindings, { type Result } from "@duckdb/node-bindings";
import { KurobeError } from "../core/errors.ts";
import { type Column } from "./column.ts";
import { duckdbError } from "./failure.ts";
import { readChunk, type ResultChunk } from "./result.ts";

/** A result that is read while it is computed. Dispose it when leaving early. */
export interface ResultStream extends AsyncIterable<ResultChunk>, AsyncDisposable {
  readonly columns: readonly Column[];
}

export interface StreamOwner {
  readonly end: () => void;
  readonly wasInterrupted: () => boolean;
}

export class OpenStream implements ResultStream {
  readonly columns: readonly Column[];
  readonly #result: Result;
  readonly #owner: StreamOwner;
  #hasEnded = false;
  #rowCount = 0;
  #fetching: Promise<unknown> = Promise.resolve();

  constructor(result: Result, columns: readonly Column[], owner: StreamOwner) {
    this.#result = result;
    this.columns = columns;
    this.#owner = owner;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ResultChunk> {
    try {
      while (!this.#hasEnded) {
        if (this.#owner.wasInterrupted()) throw interrupted();
        const fetching = bindings.fetch_chunk(this.#result);
        this.#fetching = fetching.catch(() => undefined);
        const chunk = await fetching;
        if (chunk === null || bindings.data_chunk_get_size(chunk) === 0) {
          this.#refuseBrokenEnd();
          return;
        }
        this.#rowCount += bindings.data_chunk_get_size(chunk);
        yield readChunk(chunk, this.columns);
      }
    } catch (error) {
      throw duckdbError(error);
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  /**
   * A stream that fails in the middle ends as one that is complete: the bindings give no more
   * chunks and no error. Only the result's type still tells the two apart.
   */
  #refuseBrokenEnd(): void {
    if (bindings.result_return_type(this.#result) !== bindings.ResultType.INVALID) return;
    if (this.#owner.wasInterrupted()) throw interrupted();
    throw new KurobeError(
      "KRB_DUCKDB_STREAM_FAILED",
      `the statement failed after it had given ${this.#rowCount} rows`,
      { details: { rowCount: this.#rowCount } },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#fetching;
    this.#owner.end();
  }
}

function interrupted(): KurobeError {
  return new KurobeError("KRB_DUCKDB_INTERRUPTED", "interrupted between two chunks");
}
