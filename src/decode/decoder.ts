/** Turns raw bytes into typed, checked rows: a pure function of header, body and plan. */
import { join } from "node:path";
import { type Disk } from "../core/disk.ts";
import { assert } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import { sql, type Sql } from "../core/sql.ts";
import { type Connection, type Database } from "../duckdb/duckdb.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import {
  type Batch,
  type DecodeLimits,
  type Decoded,
  type EventTimes,
  type Staged,
} from "./batch.ts";
import { emptyStage, stageParquet } from "./parquet-body.ts";
import { type RowColumn, RowColumns } from "./row-columns.ts";
import { rowShape } from "./row-shape.ts";
import { followedBy, isExact, NO_ROWS, type TimeOrder } from "./scan.ts";
import { readPreparedLines, readTextBody, type TextContext } from "./text-body.ts";

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

/** How many Parquet bodies are read at once. */
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
  /** Columns that are free to be written again, the longest unused first. */
  readonly #spare: RowColumns[] = [];
  #nextStage = 1;

  constructor(deps: DecoderDeps, idle: Connection[], lifetime: Lifetime) {
    this.#deps = deps;
    this.#idle = idle;
    this.#lifetime = lifetime;
  }

  async stage(dataset: DatasetPlan, batches: readonly Batch[]): Promise<Staged> {
    const [first] = batches;
    if (first?.header.format === "parquet") return this.#stageParquet(dataset, first);
    const context = this.#contextOf(dataset);
    const columns = this.#takeColumns(context);
    const bytes = batches.reduce((sum, batch) => sum + batch.body.length, 0);
    columns.reserve(Math.ceil(bytes / USUAL_ROW_BYTES));
    const decoded: Decoded[] = [];
    let order = NO_ROWS;
    for (const batch of batches) {
      columns.receivedAtUs = batch.header.receivedAtUs;
      const body =
        batch.prepared === undefined
          ? await readTextBody(context, batch, columns)
          : await readPreparedLines(context, batch.prepared, columns);
      decoded.push(body.decoded);
      order = followedBy(order, body.order);
    }
    return this.#ofColumns(dataset, columns, decoded, eventTimesOf(context, columns, order));
  }

  async #ofColumns(
    dataset: DatasetPlan,
    columns: RowColumns,
    decoded: readonly Decoded[],
    eventTimeUs: EventTimes | undefined,
  ): Promise<Staged> {
    const staged = { dataset: dataset.name, rows: columns.rows, eventTimeUs, decoded };
    if (dataset.dedup === null || columns.rows === 0) {
      const content = { kind: "columns", columns } as const;
      const give = once(() => this.#giveColumns(columns));
      return { ...staged, content, [Symbol.asyncDispose]: give };
    }
    // Duplicates are found by SQL over the rows that came.
    const name = this.#nextName();
    const table = sql.id("stage", name);
    await this.#withConnection(async (connection) => {
      await connection.run(emptyStage(table, dataset));
      const all = [{ start: 0, end: columns.rows }];
      connection.appendColumns(["stage", name], columns.columns, all);
    });
    return { ...staged, ...this.#tableContent(table) };
  }

  async #stageParquet(dataset: DatasetPlan, batch: Batch): Promise<Staged> {
    const context = this.#contextOf(dataset);
    const columns = this.#takeColumns(context);
    const name = this.#nextName();
    const table = sql.id("stage", name);
    const path = join(this.#deps.stagingDirectory, name);
    const { decoded, content, times } = await this.#withConnection(async (connection) => {
      try {
        await this.#write(path, batch.body);
        const { limits } = this.#deps;
        const body = { dataset, limits, batch, path, table, columns };
        const rows = await stageParquet(connection, body);
        const isTable = rows.content.kind === "table";
        return {
          ...rows,
          times: isTable ? await readTimes(connection, table, dataset) : undefined,
        };
      } finally {
        await this.#deps.disk.remove(path).catch(() => undefined);
      }
    });
    if (content.kind === "columns") {
      return this.#ofColumns(dataset, columns, [decoded], exactTimesOf(context, columns));
    }
    const rows = decoded.kind === "rows" ? decoded.accepted : 0;
    return {
      dataset: dataset.name,
      rows,
      eventTimeUs: rows === 0 ? undefined : times,
      decoded: [decoded],
      ...this.#tableContent(table),
    };
  }

  /**
   * New memory has to be cleared by the system and the collector: used columns are kept a while.
   */
  #takeColumns({ dataset, shape }: TextContext): RowColumns {
    const found = this.#spare.findIndex((one) => one.plans === dataset.columns);
    const [columns] = found < 0 ? [] : this.#spare.splice(found, 1);
    return columns ?? new RowColumns(dataset.columns, shape.defaults);
  }

  #giveColumns(columns: RowColumns): void {
    if (columns.sizeBytes > MAX_SPARE_BYTES) return;
    columns.truncate(0);
    this.#spare.push(columns);
    if (this.#spare.length > MAX_SPARE) this.#spare.shift();
  }

  #tableContent(table: Sql): Pick<Staged, "content" | typeof Symbol.asyncDispose> {
    return {
      content: { kind: "table", table },
      [Symbol.asyncDispose]: () =>
        this.#withConnection(async (connection) => {
          await connection.run(sql`DROP TABLE IF EXISTS ${table}`);
        }),
    };
  }

  #nextName(): string {
    return `s${this.#nextStage++}`;
  }

  #contextOf(dataset: DatasetPlan): TextContext {
    let context = this.#contexts.get(dataset);
    if (context === undefined) {
      context = { dataset, shape: rowShape(dataset), limits: this.#deps.limits };
      this.#contexts.set(dataset, context);
    }
    return context;
  }

  async #write(path: string, body: Uint8Array): Promise<void> {
    await using file = await this.#deps.disk.open(path, "create");
    if (body.length > 0) await file.write([body], 0);
  }

  async #withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#take();
    try {
      return await work(connection);
    } finally {
      this.#give(connection);
    }
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

/** Whoever disposes twice must not free what somebody else has taken meanwhile. */
function once(work: () => void): () => Promise<void> {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
    return Promise.resolve();
  };
}

const MAX_SPARE = 6;
const MAX_SPARE_BYTES = 16 * 1024 * 1024;

/** A guess that saves most of the growing. */
const USUAL_ROW_BYTES = 100;

function eventTimesOf(
  context: TextContext,
  columns: RowColumns,
  order: TimeOrder,
): EventTimes | undefined {
  if (columns.rows === 0) return undefined;
  // What stands in for a time that is missing is in the columns only.
  const mayLack = context.shape.optionalIndexes.includes(context.shape.eventTimeIndex);
  if (mayLack || !isExact(order)) return exactTimesOf(context, columns);
  const { minUs, maxUs, disorderUs } = order;
  return { min: BigInt(minUs), max: BigInt(maxUs), disorder: BigInt(disorderUs) };
}

function exactTimesOf({ shape }: TextContext, columns: RowColumns): EventTimes | undefined {
  if (columns.rows === 0) return undefined;
  const { bytes } = columns.columns[shape.eventTimeIndex] as RowColumn;
  const times = new BigInt64Array(bytes.buffer, 0, columns.rows);
  let min = times[0] as bigint;
  let max = min;
  let disorder = 0n;
  for (const at of times) {
    if (at > max) max = at;
    else if (max - at > disorder) disorder = max - at;
    if (at < min) min = at;
  }
  return { min, max, disorder };
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
