/** Answers reads over memory and chunks under limits; writes nothing. */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { KurobeError } from "../core/errors.ts";
import { type Database, type Statement } from "../duckdb/duckdb.ts";
import { type EngineRelations } from "../engine/engine.ts";
import { lower, type Parameters } from "./authorize.ts";
import { CONTENT_TYPES, type Encoder, type ResultFormat } from "./format/format.ts";
import { answerPage, type PageAnswer, type PageRequest } from "./page.ts";
import { openParser, type QueryParser } from "./parser.ts";
import { Reading, tooManyRows } from "./reading.ts";
import { Gate, Slots } from "./slots.ts";
import { exportStatement } from "./wrap.ts";
import { MemoryGuard, type MemoryLimit, type StuckStatement, Watch } from "./watch.ts";

export interface QueryLimits {
  /** Statements that compute at once: below `UV_THREADPOOL_SIZE`, for each holds a thread of it. */
  readonly concurrency: number;
  /** Results that are open at once, most of them waiting for their readers. */
  readonly maxOpen: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
  readonly timeLimitMs: number;
  /** How long a reader may leave a result lying before its connection is needed by others. */
  readonly maxPauseMs: number;
  readonly maxRows: number;
  /** Of the encoded result. */
  readonly maxResultBytes: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  concurrency: 2,
  maxOpen: 32,
  maxWaiting: 64,
  maxWaitMs: 10_000,
  timeLimitMs: 30_000,
  maxPauseMs: 30_000,
  maxRows: 10_000_000,
  maxResultBytes: 2 * 1024 ** 3,
};

export interface QueryOptions {
  readonly database: Database;
  readonly relations: EngineRelations;
  /** Where Parquet results are made; among the database's allowed directories. */
  readonly stagingDirectory: string;
  readonly limits?: Partial<QueryLimits>;
  readonly memory?: MemoryLimit | undefined;
  /** A statement ignores its interrupt: the process that supervises this one should end it. */
  readonly onStuck?: (statement: StuckStatement) => void;
}

export interface QueryRequest {
  readonly sql: string;
  readonly parameters?: Parameters | undefined;
  readonly format: ResultFormat;
  readonly signal?: AbortSignal | undefined;
  /** Less than the limits, never more. */
  readonly maxRows?: number | undefined;
  readonly timeLimitMs?: number | undefined;
}

/** Read the body to its end, or dispose the answer: until then it holds one of few connections. */
export interface QueryAnswer extends AsyncDisposable {
  readonly contentType: string;
  /** Names and DuckDB types; empty for Parquet, which carries its own. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** The relations that were read, for ETags and access logs. */
  readonly relations: readonly string[];
  /**
   * Fails in the middle when a limit is crossed: cut the connection then, so that nobody takes it
   * for whole.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Query extends AsyncDisposable {
  ask(request: QueryRequest): Promise<QueryAnswer>;
  page(request: PageRequest): Promise<PageAnswer>;
  status(): { readonly running: number; readonly waiting: number };
}

const FILE_PIECE_BYTES = 262_144;

/** Opens the reading side of an engine. Close it before the database. */
export async function openQuery(options: QueryOptions): Promise<Query> {
  await mkdir(options.stagingDirectory, { recursive: true });
  return new OpenQuery(options, await openParser());
}

class OpenQuery implements Query {
  readonly #options: QueryOptions;
  readonly #limits: QueryLimits;
  readonly #parser: QueryParser;
  readonly #slots: Slots;
  readonly #gate: Gate;
  readonly #memory: MemoryGuard | undefined;
  readonly #readings = new Set<Reading>();

  constructor(options: QueryOptions, parser: QueryParser) {
    this.#options = options;
    this.#limits = { ...DEFAULT_QUERY_LIMITS, ...options.limits };
    this.#parser = parser;
    this.#slots = new Slots(options.database, this.#limits);
    this.#gate = new Gate(this.#limits.concurrency);
    this.#memory = options.memory === undefined ? undefined : new MemoryGuard(options.memory);
  }

  status(): { readonly running: number; readonly waiting: number } {
    return { running: this.#slots.running, waiting: this.#slots.waiting };
  }

  async ask(request: QueryRequest): Promise<QueryAnswer> {
    const reading = await this.#open(request.sql, request);
    try {
      const parameters = request.parameters ?? [];
      const { text, relations } = await reading.begin(() =>
        this.#parser.authorize(request.sql, this.#known(), parameters),
      );
      const statement = { text, values: parameters };
      const maxRows = Math.min(request.maxRows ?? Infinity, this.#limits.maxRows);
      const { columns, bytes } =
        request.format === "parquet"
          ? await this.#parquet(reading, statement, maxRows)
          : await this.#stream(reading, statement, request.format, maxRows);
      return {
        contentType: CONTENT_TYPES[request.format],
        columns: columns.map(({ name, type }) => ({ name, type })),
        relations,
        body: this.#bounded(bytes, reading),
        [Symbol.asyncDispose]: () => reading[Symbol.asyncDispose](),
      };
    } catch (error) {
      await reading[Symbol.asyncDispose]();
      throw error;
    }
  }

  async page(request: PageRequest): Promise<PageAnswer> {
    return answerPage(request, this.#options.relations, async (statement, read) => {
      await using reading = await this.#open(statement.text, request);
      await reading.begin(() => Promise.resolve());
      await reading.start(statement);
      for await (const chunk of reading.chunks(this.#limits.maxRows)) read(reading.columns, chunk);
    });
  }

  async #open(
    text: string,
    request: {
      readonly signal?: AbortSignal | undefined;
      readonly timeLimitMs?: number | undefined;
    },
  ): Promise<Reading> {
    const slot = await this.#slots.take(request.signal);
    let reading: Reading | undefined = undefined;
    const { timeLimitMs, maxPauseMs } = this.#limits;
    const watch = new Watch({
      text,
      limits: { timeLimitMs: Math.min(request.timeLimitMs ?? Infinity, timeLimitMs), maxPauseMs },
      gate: this.#gate,
      signal: request.signal,
      onStuck: this.#options.onStuck ?? (() => undefined),
      onStopped: () => void reading?.[Symbol.asyncDispose](),
    });
    const opened: Reading = new Reading({
      slot,
      watch,
      lease: this.#options.relations.lease(),
      onEnd: () => {
        this.#memory?.remove(watch);
        this.#readings.delete(opened);
      },
    });
    reading = opened;
    this.#memory?.add(watch);
    this.#readings.add(opened);
    return opened;
  }

  #known(): ReadonlyMap<string, string> {
    return new Map(this.#options.relations.names().map((name) => [lower(name), name]));
  }

  async #stream(
    reading: Reading,
    statement: Statement,
    format: ResultFormat,
    maxRows: number,
  ): Promise<Encoded> {
    const encode = await encoderOf(format);
    await reading.start(statement);
    const { columns } = reading;
    return { columns, bytes: encode({ columns, chunks: reading.chunks(maxRows) }) };
  }

  /** DuckDB writes the file: its writer is several times faster than any of ours could be. */
  async #parquet(reading: Reading, statement: Statement, maxRows: number): Promise<Encoded> {
    const path = join(this.#options.stagingDirectory, `result-${randomUUID()}.parquet`);
    reading.defer(() => rm(path, { force: true }));
    const columns = await reading.describe(statement);
    const rowCount = await reading.run(exportStatement(statement, { path, columns, maxRows }));
    if (rowCount > maxRows) throw tooManyRows(maxRows);
    return { columns, bytes: createReadStream(path, { highWaterMark: FILE_PIECE_BYTES }) };
  }

  async *#bounded(bytes: AsyncIterable<Uint8Array>, reading: Reading): AsyncGenerator<Uint8Array> {
    const { maxResultBytes } = this.#limits;
    let sentBytes = 0;
    try {
      for await (const piece of bytes) {
        sentBytes += piece.length;
        if (sentBytes > maxResultBytes) {
          throw new KurobeError(
            "KRB_QUERY_RESULT_TOO_LARGE",
            `the result has more than ${maxResultBytes} bytes`,
          );
        }
        yield piece;
      }
    } finally {
      await reading[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#slots[Symbol.asyncDispose]();
    await Promise.all([...this.#readings].map((reading) => reading[Symbol.asyncDispose]()));
    this.#memory?.[Symbol.dispose]();
    await this.#parser[Symbol.asyncDispose]();
  }
}

interface Encoded {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Arrow's library is large: only who asks for it pays for it. */
async function encoderOf(format: ResultFormat): Promise<Encoder> {
  if (format === "csv") return (await import("./format/csv.ts")).encodeCsv;
  if (format === "arrow") return (await import("./format/arrow.ts")).encodeArrow;
  const { encodeJson, encodeNdjson } = await import("./format/json.ts");
  return format === "ndjson" ? encodeNdjson : encodeJson;
}
