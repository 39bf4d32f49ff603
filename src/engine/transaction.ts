/** The engine's open transaction: where rows and what follows from them become visible together. */
import { sql, type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type RelationOptions, type Table, dayOf, daySql } from "./table.ts";

export interface InsertOptions {
  /** The table's columns in order (`_deleted` too, where it has one), ready for `SELECT … FROM`. */
  readonly columns: Sql;
  readonly from: Sql;
  /** SQL for the place of a row among the inserted ones, from 0: holes are allowed. */
  readonly offset: Sql;
  /** How far `_seq` moves on. */
  readonly span: number;
  /** Whether the rows may repeat keys that are stored, or each other's. */
  readonly repeats: "never" | "always" | "check";
  readonly rangeUs?: { readonly min: bigint; readonly max: bigint } | undefined;
}

interface Draft {
  nextSeq: number;
  rows: number;
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
    draft.nextSeq += options.span;
    draft.rows += rows;
    if (table.isKeyed && rows > 0 && options.repeats !== "never") {
      await this.#markDays(table, draft, firstSeq, options);
    }
    return { rows, firstSeq };
  }

  async #markDays(
    table: Table,
    draft: Draft,
    firstSeq: number,
    options: InsertOptions,
  ): Promise<void> {
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

  #repeatedDays(table: Table, firstSeq: number, rangeUs: InsertOptions["rangeUs"]): Sql {
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
      draft = { nextSeq: table.nextSeq, rows: 0, repeatDays: table.repeatDays };
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
      table.repeatDays = draft.repeatDays;
      if (draft.rows > 0) changed.push(table.name);
    }
    return changed;
  }
}

function isCovered(days: ReadonlySet<number>, range: { min: bigint; max: bigint }): boolean {
  const last = dayOf(range.max);
  for (let day = dayOf(range.min); day <= last; day++) if (!days.has(day)) return false;
  return true;
}
