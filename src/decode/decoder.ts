/**
 * Turns raw bytes into typed, checked rows in a stage table: a pure function of header, body and
 * plan.
 */
import { join } from "node:path";
import { type Disk } from "../core/disk.ts";
import { assert, isKurobeError } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Connection, type Database, filePattern } from "../duckdb/duckdb.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import {
  type Batch,
  type DecodeLimits,
  type Decoded,
  type EventTimes,
  type Staged,
} from "./batch.ts";
import { stageParquet } from "./parquet-body.ts";
import { rowShape } from "./row-shape.ts";
import { followedBy, isExact, NO_ROWS, type TimeOrder } from "./scan.ts";
import { readTextBody, type TextContext, type TextPieces } from "./text-body.ts";

export interface DecoderDeps {
  readonly database: Database;
  readonly disk: Disk;
  /** For staging files; nothing in it outlives the process. */
  readonly stagingDirectory: string;
  readonly limits: DecodeLimits;
}

/**
 * We promise: the same batches give the same rows, rejects and reasons, however they are grouped.
 * Caller promises: the batches are of one dataset, in log order.
 */
export interface Decoder extends AsyncDisposable {
  stage(dataset: DatasetPlan, batches: readonly Batch[]): Promise<Staged>;
}

/**
 * How many bodies are parsed at once: one a core is enough, the reader itself uses one thread a
 * body.
 */
const CONNECTIONS = 2;

export async function openDecoder(deps: DecoderDeps): Promise<Decoder> {
  await using opening = new Lifetime();
  const idle: Connection[] = [];
  for (let count = 0; count < CONNECTIONS; count++) {
    idle.push(opening.own(await deps.database.connect()));
  }
  await idle[0]?.run(sql`CREATE SCHEMA IF NOT EXISTS stage`);
  await deps.disk.makeDirectory(deps.stagingDirectory);
  for (const name of await deps.disk.list(deps.stagingDirectory)) {
    await deps.disk.remove(join(deps.stagingDirectory, name));
  }
  return new DuckdbDecoder(deps, idle, opening.move());
}

class DuckdbDecoder implements Decoder {
  readonly #deps: DecoderDeps;
  readonly #idle: Connection[];
  readonly #waiting: ((connection: Connection) => void)[] = [];
  readonly #lifetime: Lifetime;
  readonly #contexts = new WeakMap<DatasetPlan, TextContext>();
  #nextStage = 1;

  constructor(deps: DecoderDeps, idle: Connection[], lifetime: Lifetime) {
    this.#deps = deps;
    this.#idle = idle;
    this.#lifetime = lifetime;
  }

  async stage(dataset: DatasetPlan, batches: readonly Batch[]): Promise<Staged> {
    const connection = await this.#take();
    try {
      const name = `s${this.#nextStage++}`;
      return await this.#stageInto(connection, name, dataset, batches);
    } finally {
      this.#give(connection);
    }
  }

  async #stageInto(
    connection: Connection,
    name: string,
    dataset: DatasetPlan,
    batches: readonly Batch[],
  ): Promise<Staged> {
    const table = sql`stage.${sql.id(name)}`;
    const path = join(this.#deps.stagingDirectory, name);
    const first = batches[0];
    let loaded: Loaded;
    try {
      if (first?.header.format === "parquet") {
        await this.#write(path, [first.body]);
        const context = { dataset, limits: this.#deps.limits, batch: first, path, table };
        loaded = { decoded: [await stageParquet(connection, context)], order: null };
      } else {
        loaded = await this.#stageText(connection, path, table, dataset, batches);
      }
    } finally {
      await this.#deps.disk.remove(path).catch(() => undefined);
    }
    return this.#describe(connection, table, dataset, loaded);
  }

  async #stageText(
    connection: Connection,
    path: string,
    table: Sql,
    dataset: DatasetPlan,
    batches: readonly Batch[],
  ): Promise<Loaded> {
    const context = this.#contextOf(dataset);
    try {
      return await this.#loadText(connection, path, table, context, batches, false);
    } catch (error) {
      if (!isDataError(error)) throw error;
    }
    // DuckDB's parser found what the scanner cannot know (an invalid escape deep inside a JSON
    // value).
    await connection.run(sql`DROP TABLE IF EXISTS ${table}`);
    return this.#loadText(connection, path, table, context, batches, true);
  }

  async #loadText(
    connection: Connection,
    path: string,
    table: Sql,
    context: TextContext,
    batches: readonly Batch[],
    everyLine: boolean,
  ): Promise<Loaded> {
    const texts = batches.map((batch) => batch.prepared ?? readTextBody(context, batch, everyLine));
    const pieces = texts.flatMap((text) => text.pieces);
    await this.#write(path, pieces);
    const format = texts.find((text) => text.pieces.length > 0)?.format ?? { kind: "ndjson" };
    await connection.run(
      createStage(table, context.dataset, readerOf(format, context.dataset, path)),
    );
    const order = texts.reduce((all, text) => followedBy(all, text.order), NO_ROWS);
    return { decoded: texts.map((text) => text.decoded), order };
  }

  #contextOf(dataset: DatasetPlan): TextContext {
    let context = this.#contexts.get(dataset);
    if (context === undefined) {
      context = { dataset, shape: rowShape(dataset), limits: this.#deps.limits };
      this.#contexts.set(dataset, context);
    }
    return context;
  }

  async #write(path: string, pieces: readonly Uint8Array[]): Promise<void> {
    await using file = await this.#deps.disk.open(path, "create");
    if (pieces.length > 0) await file.write(pieces, 0);
  }

  async #describe(
    connection: Connection,
    table: Sql,
    dataset: DatasetPlan,
    loaded: Loaded,
  ): Promise<Staged> {
    const { decoded, order } = loaded;
    const rows = decoded.reduce((sum, one) => sum + (one.kind === "rows" ? one.accepted : 0), 0);
    const eventTimeUs =
      rows === 0
        ? undefined
        : order !== null && isExact(order)
          ? {
              min: BigInt(order.minUs),
              max: BigInt(order.maxUs),
              disorder: BigInt(order.disorderUs),
            }
          : await readTimes(connection, table, dataset);
    return {
      dataset: dataset.name,
      table,
      rows,
      eventTimeUs,
      decoded,
      [Symbol.asyncDispose]: async () => {
        const own = await this.#take();
        try {
          await own.run(sql`DROP TABLE IF EXISTS ${table}`);
        } finally {
          this.#give(own);
        }
      },
    };
  }

  #take(): Promise<Connection> {
    const connection = this.#idle.pop();
    if (connection !== undefined) return Promise.resolve(connection);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #give(connection: Connection): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(connection);
    else next(connection);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#lifetime[Symbol.asyncDispose]();
  }
}

interface Loaded {
  readonly decoded: readonly Decoded[];
  /** Null: only DuckDB has seen the rows. */
  readonly order: TimeOrder | null;
}

async function readTimes(
  connection: Connection,
  table: Sql,
  dataset: DatasetPlan,
): Promise<EventTimes> {
  const at = sql.id(dataset.eventTime);
  const [range] = await connection.rows<{ min: bigint; max: bigint; disorder: bigint | null }>(
    sql`SELECT min(_at) AS min, max(_at) AS max, CAST(max(_latest - _at) AS BIGINT) AS disorder
          FROM (SELECT epoch_us(${at}) AS _at,
                       max(epoch_us(${at})) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _latest
                  FROM ${table}) AS t`,
  );
  assert(range !== undefined, "an aggregate without GROUP BY gives one row");
  return range;
}

function isDataError(error: unknown): boolean {
  return isKurobeError(error, "KRB_DUCKDB_CONVERSION");
}

function createStage(table: Sql, dataset: DatasetPlan, reader: Sql): Sql {
  const columns = dataset.columns.map((column) => {
    const name = sql.id(column.name);
    if (column.default === undefined) return name;
    const type = sql.keyword(columnTypeToDuckdb(column.type));
    return sql`coalesce(${name}, CAST(${sql.literal(column.default)} AS ${type})) AS ${name}`;
  });
  return sql`CREATE TABLE ${table} AS SELECT ${sql.join(columns)} FROM ${reader}`;
}

function readerOf(format: TextPieces["format"], dataset: DatasetPlan, path: string): Sql {
  const typed = (name: string): Sql => {
    const column = dataset.columns.find((one) => one.name === name);
    const type = column === undefined ? "VARCHAR" : columnTypeToDuckdb(column.type);
    return sql`${sql.literal(name)}: ${sql.literal(type)}`;
  };
  if (format.kind === "ndjson") {
    const columns = sql.join(dataset.columns.map((column) => typed(column.name)));
    return sql`read_json(${sql.literal(filePattern(path))}, format = 'newline_delimited', records = true,
      columns = {${columns}})`;
  }
  // Columns that the file lacks are null or have a default; CSV names come from the file.
  const present = sql.join(format.columns.map(typed));
  const absent = dataset.columns.filter((column) => !format.columns.includes(column.name));
  const nulls = absent.map((column) => {
    const type = sql.keyword(columnTypeToDuckdb(column.type));
    return sql`, CAST(NULL AS ${type}) AS ${sql.id(column.name)}`;
  });
  const names = sql.join(format.columns.map((name) => sql.id(name)));
  return sql`(SELECT ${names}${sql.join(nulls, "")} FROM read_csv(${sql.literal(filePattern(path))},
    auto_detect = false, header = false, delim = ',', quote = '"', escape = '"', nullstr = '',
    allow_quoted_nulls = false, strict_mode = false, columns = {${present}}))`;
}
