/**
 * One stored table at run time: the generations in memory, the chunks on disk, and SQL over both.
 */
import { assert } from "../core/errors.ts";
import { sql, type Sql } from "../core/sql.ts";
import { columnTypeToDuckdb } from "../plan/print-duckdb.ts";
import { chunkRelation } from "../storage/chunk-reader.ts";
import { type ChunkRecord } from "../storage/manifest.ts";
import { type StoredTable } from "./stored-tables.ts";

const DAY_US = 86_400_000_000n;
/** More marked days than this, and reads deduplicate the whole table: a shorter statement wins. */
const MAX_MARKED_DAYS = 64;

export interface RelationOptions {
  /** Event time, microseconds, inclusive. */
  readonly fromUs?: bigint | undefined;
  /** Event time, microseconds, exclusive. */
  readonly toUs?: bigint | undefined;
  /** Only rows that came before this `_seq`. */
  readonly beforeSeq?: number | undefined;
  /** Also the newest rows that were taken back, whose `_deleted` is true. */
  readonly withDeleted?: boolean | undefined;
  /** A one-column table of `_seq` whose rows are as if they had never come. */
  readonly without?: Sql | undefined;
  /** A condition; where the table has a key, on columns of the key alone. */
  readonly where?: Sql | undefined;
}

/** Rows by the order in which they were written. */
export interface SeqRange {
  /** Exclusive. */
  readonly afterSeq: number;
  /** Inclusive; default: all that there is. */
  readonly throughSeq?: number;
}

/** Mutable, and only the engine's writer changes it, after the change is committed in DuckDB. */
export class Table {
  readonly stored: StoredTable;
  readonly #chunkRoot: string;
  /** The memory table that rows go to. */
  generation = 1;
  /** A full memory table that a checkpoint is writing down. */
  frozen: number | null = null;
  memoryRows = 0;
  frozenRows = 0;
  nextSeq = 1;
  /** Rows that wait for somebody to do something about them. */
  waitingRows = 0;
  /** Rows from this `_seq` on are in memory tables; those before it in chunks. */
  memoryFromSeq = 1;
  #thawedSeq = 1;
  chunks: readonly ChunkRecord[] = [];
  /** Days (since the epoch) in which memory and chunks together may hold two rows of one key. */
  repeatDays: ReadonlySet<number> = new Set();

  constructor(stored: StoredTable, chunkRoot: string) {
    this.stored = stored;
    this.#chunkRoot = chunkRoot;
  }

  get name(): string {
    return this.stored.plan.name;
  }

  get isKeyed(): boolean {
    return this.stored.plan.key.length > 0;
  }

  /** With the event time in its key, a row can only repeat a key within one day. */
  get isKeyTimed(): boolean {
    return this.stored.plan.key.includes(this.stored.plan.eventTime);
  }

  /** All columns that are stored, the hidden ones last. */
  get columnNames(): readonly string[] {
    return [...this.stored.plan.columns.map((column) => column.name), ...this.hiddenColumns];
  }

  get hiddenColumns(): readonly string[] {
    return this.stored.hasTombstones ? ["_deleted", "_seq"] : ["_seq"];
  }

  memoryTable(generation: number): Sql {
    return sql.id(...this.memoryTableName(generation));
  }

  /** Schema and name. */
  memoryTableName(generation: number): readonly [string, string] {
    return ["mem", `${this.name}@${generation}`];
  }

  createMemoryTable(generation: number): Sql {
    const columns = this.stored.plan.columns.map(
      (column) => sql`${sql.id(column.name)} ${sql.keyword(columnTypeToDuckdb(column.type))}`,
    );
    if (this.stored.hasTombstones) columns.push(sql`_deleted BOOLEAN`);
    columns.push(sql`_seq BIGINT`);
    return sql`CREATE TABLE ${this.memoryTable(generation)} (${sql.join(columns)})`;
  }

  /**
   * A sub-select over all rows in memory and chunks: `columnNames` in order, one row a key, without
   * deleted rows.
   */
  relation(options: RelationOptions = {}, repeatDays: ReadonlySet<number> = this.repeatDays): Sql {
    if (!this.isKeyed) return this.#allRows(options);
    const names = sql.join(this.columnNames.map((name) => sql.id(name)));
    const hidesDeleted = this.stored.hasTombstones && options.withDeleted !== true;
    const alive = hidesDeleted ? sql`NOT _deleted` : sql`TRUE`;
    if (!this.isKeyTimed) {
      // A newer row may lie at any time, so the range comes after the choice of the newest.
      const { fromUs, toUs, ...rest } = options;
      const inRange = sql.join([alive, ...this.#timeConditions({ fromUs, toUs })], " AND ");
      const newest = this.#newest(names, this.#allRows(rest));
      return sql`(SELECT ${names} FROM ${newest} AS r WHERE ${inRange})`;
    }
    const all = this.#allRows(options);
    if (repeatDays.size === 0) return sql`(SELECT ${names} FROM ${all} AS r WHERE ${alive})`;
    if (repeatDays.size > MAX_MARKED_DAYS) {
      return sql`(SELECT ${names} FROM ${this.#newest(names, all)} AS r WHERE ${alive})`;
    }
    const marked = this.#isMarkedDay(repeatDays);
    const plain = sql`(SELECT ${names} FROM ${all} AS p WHERE NOT (${marked}))`;
    const newest = this.#newest(names, sql`(SELECT ${names} FROM ${all} AS m WHERE ${marked})`);
    return sql`(SELECT ${names} FROM (SELECT ${names} FROM ${plain} AS x
      UNION ALL SELECT ${names} FROM ${newest} AS y) AS r WHERE ${alive})`;
  }

  #newest(names: Sql, rows: Sql): Sql {
    const key = sql.join(this.stored.plan.key.map((name) => sql.id(name)));
    return sql`(SELECT ${names} FROM ${rows} AS n
      QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _seq DESC) = 1)`;
  }

  #isMarkedDay(days: ReadonlySet<number>): Sql {
    const at = sql.id(this.stored.plan.eventTime);
    const ranges = [...days]
      .sort((a, b) => a - b)
      .map((day) => {
        const start = BigInt(day) * DAY_US;
        const from = sql`make_timestamp(${sql.literal(start)})`;
        const to = sql`make_timestamp(${sql.literal(start + DAY_US)})`;
        return sql`(${at} >= ${from} AND ${at} < ${to})`;
      });
    return sql.join(ranges, " OR ");
  }

  #allRows(options: RelationOptions): Sql {
    const { fromUs, toUs, beforeSeq, without } = options;
    const chosen = options.where;
    const names = sql.join(this.columnNames.map((name) => sql.id(name)));
    const conditions = this.#timeConditions(options);
    if (beforeSeq !== undefined) conditions.push(sql`_seq < ${sql.literal(beforeSeq)}`);
    if (without !== undefined) conditions.push(sql`_seq NOT IN (SELECT _seq FROM ${without})`);
    if (chosen !== undefined) conditions.push(chosen);
    const where =
      conditions.length === 0 ? sql.empty : sql` WHERE ${sql.join(conditions, " AND ")}`;
    const parts = this.memoryTables().map((table) => sql`SELECT ${names} FROM ${table}${where}`);
    if (this.chunks.length > 0) {
      const rows = chunkRelation(
        this.stored.plan,
        this.hiddenColumns,
        this.chunks,
        this.#chunkRoot,
        { fromUs, toUs },
      );
      if (rows !== null) parts.push(sql`SELECT ${names} FROM ${rows} AS c${where}`);
    }
    return sql`(${sql.join(parts, " UNION ALL ")})`;
  }

  /**
   * A sub-select over rows as they were written, newer and older ones of a key alike, with
   * `_deleted` where the table has it. A merge of chunks leaves the newest row of a key only.
   */
  written(range: SeqRange): Sql {
    const where = inRange(range);
    const names = sql.join(this.columnNames.map((name) => sql.id(name)));
    const parts = this.memoryTables().map((table) => sql`SELECT ${names} FROM ${table} ${where}`);
    const isSettled = range.afterSeq + 1 >= this.memoryFromSeq;
    const chunks = isSettled ? null : this.#chunksOf(range);
    if (chunks !== null) parts.push(sql`SELECT ${names} FROM ${chunks} AS c ${where}`);
    return sql`(${sql.join(parts, " UNION ALL ")})`;
  }

  /** As `written`, of the rows that a checkpoint holds; null where no chunk has any. */
  settled(range: SeqRange): Sql | null {
    const names = sql.join(this.columnNames.map((name) => sql.id(name)));
    const chunks = this.#chunksOf(range);
    return chunks === null ? null : sql`(SELECT ${names} FROM ${chunks} AS c ${inRange(range)})`;
  }

  #chunksOf(range: SeqRange): Sql | null {
    const { plan } = this.stored;
    return chunkRelation(plan, this.hiddenColumns, this.chunks, this.#chunkRoot, range);
  }

  #timeConditions({ fromUs, toUs }: RelationOptions): Sql[] {
    const at = sql.id(this.stored.plan.eventTime);
    const conditions: Sql[] = [];
    if (fromUs !== undefined) conditions.push(sql`${at} >= make_timestamp(${sql.literal(fromUs)})`);
    if (toUs !== undefined) conditions.push(sql`${at} < make_timestamp(${sql.literal(toUs)})`);
    return conditions;
  }

  memoryTables(): readonly Sql[] {
    const current = this.memoryTable(this.generation);
    return this.frozen === null ? [current] : [this.memoryTable(this.frozen), current];
  }

  /**
   * Statements that let SQL see the table: once for people, once with `_seq` for our own readers,
   * and where results are taken back once with those too.
   */
  viewStatements(repeatDays: ReadonlySet<number> = this.repeatDays): readonly Sql[] {
    const { view, plan } = this.stored;
    if (view === null) return [];
    const names = sql.join(plan.columns.map((column) => sql.id(column.name)));
    const rows = this.relation({}, repeatDays);
    return [
      ...this.#liveView(repeatDays),
      sql`CREATE OR REPLACE VIEW rows.${sql.id(plan.name)} AS SELECT ${names}, _seq FROM ${rows} AS r`,
      sql`CREATE OR REPLACE VIEW ${sql.id(view.schema, view.name)} AS SELECT ${names} FROM ${rows} AS r`,
    ];
  }

  /** Where what was taken back keeps its place, those who watch are told of it. */
  #liveView(repeatDays: ReadonlySet<number>): readonly Sql[] {
    if (this.stored.keepsTombstones !== true) return [];
    const names = sql.join(this.columnNames.map((name) => sql.id(name)));
    const rows = this.relation({ withDeleted: true }, repeatDays);
    return [
      sql`CREATE OR REPLACE VIEW live.${sql.id(this.name)} AS SELECT ${names} FROM ${rows} AS r`,
    ];
  }

  /** Rows from now on go to a new memory table; the old one waits to be written down. */
  freeze(): void {
    assert(this.frozen === null, `table ${this.name} is frozen twice`);
    this.frozen = this.generation;
    this.frozenRows = this.memoryRows;
    this.#thawedSeq = this.nextSeq;
    this.generation += 1;
    this.memoryRows = 0;
  }

  /** The frozen rows are in chunks now. */
  thaw(chunks: readonly ChunkRecord[]): void {
    this.frozen = null;
    this.frozenRows = 0;
    this.chunks = chunks;
    this.memoryFromSeq = this.#thawedSeq;
  }

  /** The frozen rows were copied into the current generation. */
  unfreeze(): void {
    this.frozen = null;
    this.memoryRows += this.frozenRows;
    this.frozenRows = 0;
  }

  /** Days whose chunks were merged into one row a key, while memory holds none of their rows. */
  forgetRepeats(days: readonly number[]): void {
    const cleared = new Set(days);
    this.repeatDays = new Set([...this.repeatDays].filter((day) => !cleared.has(day)));
  }
}

function inRange({ afterSeq, throughSeq }: SeqRange): Sql {
  const after = sql`WHERE _seq > ${sql.literal(afterSeq)}`;
  return throughSeq === undefined ? after : sql`${after} AND _seq <= ${sql.literal(throughSeq)}`;
}

/** SQL for a timestamp's day since the epoch, rounded down also before 1970. */
export function daySql(at: Sql): Sql {
  const time = sql`epoch_us(${at})`;
  return sql`(${time} - ((${time} % 86400000000) + 86400000000) % 86400000000) // 86400000000`;
}

export function dayOf(timeUs: bigint): number {
  const day = timeUs / DAY_US;
  return Number(timeUs % DAY_US < 0n ? day - 1n : day);
}
