/** The engine's open transaction: where rows and what follows from them become visible together. */
import { sql, type Sql } from "../core/sql.ts";
import { type ColumnData, type Connection, type RowRange } from "../duckdb/duckdb.ts";
import { type RelationOptions, type Table, dayOf, daySql } from "./table.ts";

/** Of rows that are about to be stored. */
interface Arrival {
  /** How far `_seq` moves on: a number, or by as many as are stored. */
  readonly span: number | "rows";
  /** Whether the rows may repeat keys that are stored, or each other's. */
  readonly repeats: "never" | "always" | "check";
  readonly rangeUs?: { readonly min: bigint; readonly max: bigint } | undefined;
  /** How many rows more wait for somebody now, or fewer; absent: as many as are stored. */
  readonly waiting?: number;
}

export interface InsertOptions extends Arrival {
  /** The table's columns in order (`_deleted` too, where it has one), ready for `SELECT … FROM`. */
  readonly columns: Sql;
  readonly from: Sql;
  /** SQL for the place of a row among the inserted ones, from 0: holes are allowed. */
  readonly offset: Sql;
}

export interface AppendOptions extends Arrival {
  readonly span: number;
  /** The table's columns in order, but `_seq`. */
  readonly columns: readonly ColumnData[];
  /** The rows of them that are stored; a row's `_seq` is the first one plus its number. */
  readonly ranges: readonly RowRange[];
}

interface Draft {
  nextSeq: number;
  rows: number;
  waitingRows: number;
  repeatDays: ReadonlySet<number>;
}

/** What it changes in JavaScript's memory happens at `commit()`, after DuckDB's own COMMIT. */
export class Transaction {
  readonly connection: Connection;
  readonly #tables: ReadonlyMap<string, Table>;
  readonly #drafts = new Map<Table, Draft>();

  constructor(connection: Connection, tables: ReadonlyMap<string, Table>) {
    this.connection = connection;
    this.#tables = tables;
  }

  table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`no stored table ${name}`);
    return table;
  }

  nextSeq(name: string): number {
    return this.#draft(this.table(name)).nextSeq;
  }

  relation(name: string, options: RelationOptions = {}): Sql {
    const table = this.table(name);
    return table.relation(options, this.#draft(table).repeatDays);
  }

  /** Gives the number of rows and the first `_seq` that was free for them. */
  async insert(name: string, options: InsertOptions): Promise<{ rows: number; firstSeq: number }> {
    const table = this.table(name);
    const draft = this.#draft(table);
    const firstSeq = draft.nextSeq;
    const target = table.memoryTable(table.generation);
    const rows = await this.connection.run(
      sql`INSERT INTO ${target} SELECT ${options.columns}, ${sql.literal(firstSeq)} + ${options.offset}
            FROM ${options.from}`,
    );
    await this.#arrived(table, draft, rows, options);
    return { rows, firstSeq };
  }

  /** The same for rows that lie in memory, column by column. */
  async append(name: string, options: AppendOptions): Promise<{ rows: number; firstSeq: number }> {
    const table = this.table(name);
    const draft = this.#draft(table);
    const firstSeq = draft.nextSeq;
    const { columns, ranges, span } = options;
    const target = table.memoryTableName(table.generation);
    this.connection.appendColumns(target, [...columns, sequence(firstSeq, span)], ranges);
    const rows = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    await this.#arrived(table, draft, rows, options);
    return { rows, firstSeq };
  }

  async #arrived(table: Table, draft: Draft, rows: number, arrival: Arrival): Promise<void> {
    const firstSeq = draft.nextSeq;
    draft.nextSeq += arrival.span === "rows" ? rows : arrival.span;
    draft.rows += rows;
    draft.waitingRows += arrival.waiting ?? rows;
    if (table.isKeyed && rows > 0 && arrival.repeats !== "never") {
      await this.#markDays(table, draft, firstSeq, arrival);
    }
  }

  async #markDays(table: Table, draft: Draft, firstSeq: number, options: Arrival): Promise<void> {
    if (!table.isKeyTimed) return;
    const { rangeUs } = options;
    if (rangeUs !== undefined && isCovered(draft.repeatDays, rangeUs)) return;
    const at = sql.id(table.stored.plan.eventTime);
    const added = sql`(SELECT ${at} FROM ${table.memoryTable(table.generation)}
      WHERE _seq >= ${sql.literal(firstSeq)})`;
    const days =
      options.repeats === "always"
        ? sql`SELECT DISTINCT ${daySql(at)} AS day FROM ${added} AS a`
        : this.#repeatedDays(table, firstSeq, rangeUs);
    const found = await this.connection.rows<{ day: bigint }>(days);
    if (found.length === 0) return;
    const marked = new Set(draft.repeatDays);
    for (const { day } of found) marked.add(Number(day));
    if (marked.size === draft.repeatDays.size) return;
    draft.repeatDays = marked;
    for (const view of table.viewStatements(marked)) await this.connection.run(view);
  }

  #repeatedDays(table: Table, firstSeq: number, rangeUs: Arrival["rangeUs"]): Sql {
    const key = sql.join(table.stored.plan.key.map((name) => sql.id(name)));
    const at = sql.id(table.stored.plan.eventTime);
    const options: RelationOptions =
      rangeUs === undefined ? {} : { fromUs: rangeUs.min, toUs: rangeUs.max + 1n };
    const added = sql`(SELECT ${key} FROM ${table.memoryTable(table.generation)}
      WHERE _seq >= ${sql.literal(firstSeq)})`;
    const older = table.relation({ ...options, beforeSeq: firstSeq });
    return sql`SELECT DISTINCT ${daySql(at)} AS day FROM (
        SELECT ${key} FROM ${added} AS a GROUP BY ${key} HAVING count(*) > 1
        UNION ALL
        SELECT ${key} FROM ${added} AS b SEMI JOIN ${older} AS o USING (${key}))`;
  }

  #draft(table: Table): Draft {
    let draft = this.#drafts.get(table);
    if (draft === undefined) {
      draft = { nextSeq: table.nextSeq, rows: 0, waitingRows: 0, repeatDays: table.repeatDays };
      this.#drafts.set(table, draft);
    }
    return draft;
  }

  /** Call after DuckDB's COMMIT. Gives the names of the tables that got rows. */
  commit(): readonly string[] {
    const changed: string[] = [];
    for (const [table, draft] of this.#drafts) {
      table.nextSeq = draft.nextSeq;
      table.memoryRows += draft.rows;
      table.waitingRows += draft.waitingRows;
      table.repeatDays = draft.repeatDays;
      if (draft.rows > 0) changed.push(table.name);
    }
    return changed;
  }
}

/** A BIGINT column: `first`, `first` + 1, … */
function sequence(first: number, rows: number): ColumnData {
  const words = new Int32Array(2 * rows);
  for (let row = 0; row < rows; row++) {
    const value = first + row;
    words[2 * row] = value % 2 ** 32;
    words[2 * row + 1] = value / 2 ** 32;
  }
  return {
    bytes: new Uint8Array(words.buffer),
    bytesPerValue: 8,
    validity: null,
    longTextRows: [],
    longTexts: [],
  };
}

function isCovered(days: ReadonlySet<number>, range: { min: bigint; max: bigint }): boolean {
  const last = dayOf(range.max);
  for (let day = dayOf(range.min); day <= last; day++) if (!days.has(day)) return false;
  return true;
}
