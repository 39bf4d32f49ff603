/** Reads a stored table as the stream of rows that it is: what was written after a given row. */
import { isKurobeError } from "../core/errors.ts";
import { sql } from "../core/sql.ts";
import { type Connection, portableReader, type ResultChunk } from "../duckdb/duckdb.ts";
import { type SeqRange, type Table } from "./table.ts";

/** A value as answers carry it: times as ISO 8601 text in UTC, decimals and large integers text. */
export type JsonCell = string | number | boolean | null;

/** One row as it was written. */
export interface Change {
  /** Grows by at least one from row to row. */
  readonly seq: number;
  /** True where the row says that the earlier row of its key is taken back. */
  readonly isDeleted: boolean;
  readonly row: Readonly<Record<string, JsonCell>>;
}

export interface ChangesWanted extends Required<SeqRange> {
  /** Rows, at most. */
  readonly limit: number;
  /** About so many characters: rows of the chunk in which they are reached are all given. */
  readonly characters: number;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  /** No row after the wanted ones up to here is missing in `changes`. */
  readonly throughSeq: number;
  /** Of all texts in `changes`. */
  readonly characters: number;
}

/** A checkpoint may drop a memory table between the printing of a statement and its run. */
const TRIES = 5;

/** The first rows of a range. Rows that a checkpoint moves meanwhile are all read. */
export async function readChanges(
  connection: Connection,
  table: Table,
  wanted: ChangesWanted,
): Promise<ChangePage> {
  for (let tries = 1; ; tries++) {
    try {
      return await readPage(connection, table, wanted);
    } catch (error) {
      if (tries === TRIES || !isKurobeError(error)) throw error;
    }
  }
}

async function readPage(
  connection: Connection,
  table: Table,
  wanted: ChangesWanted,
): Promise<ChangePage> {
  const columns = table.stored.plan.columns.map(({ name }) => sql.id(name));
  const deleted = table.stored.hasTombstones ? sql`_deleted` : sql`FALSE AS _deleted`;
  const { afterSeq, throughSeq, limit } = wanted;
  // Numbers are given once, so a range that is no wider cannot have more rows.
  const isBounded = throughSeq - afterSeq <= limit;
  const end = isBounded ? sql.empty : sql`LIMIT ${sql.literal(limit)}`;
  const reading = new PageReading(wanted);
  await using rows = await connection.stream(
    sql`SELECT ${sql.join([...columns, deleted, sql`_seq`])}
          FROM ${table.written(wanted)} AS w ORDER BY _seq ${end}`,
  );
  for await (const chunk of rows) {
    reading.take(chunk);
    if (reading.characters >= wanted.characters) break;
  }
  return reading.page();
}

class PageReading {
  readonly #wanted: ChangesWanted;
  readonly #changes: Change[] = [];
  #rows = 0;
  #lastSeq = 0;
  characters = 0;

  constructor(wanted: ChangesWanted) {
    this.#wanted = wanted;
  }

  take(chunk: ResultChunk): void {
    const readers = chunk.columns.map((vector) => portableReader(vector));
    const names = chunk.columns.slice(0, -2).map(({ column }) => column.name);
    const [readDeleted, readSeq] = readers.slice(-2);
    for (let at = 0; at < chunk.rowCount; at++) {
      const seq = Number(readSeq?.(at));
      this.#rows += 1;
      // After a failed checkpoint a row may lie in two memory tables for a moment.
      if (seq === this.#lastSeq) continue;
      this.#lastSeq = seq;
      const row: Record<string, JsonCell> = {};
      for (let column = 0; column < names.length; column++) {
        const cell = readers[column]?.(at) as JsonCell;
        row[names[column] ?? ""] = cell;
        if (typeof cell === "string") this.characters += cell.length;
      }
      this.#changes.push({ seq, isDeleted: readDeleted?.(at) === true, row });
    }
  }

  page(): ChangePage {
    const { throughSeq, limit, characters } = this.#wanted;
    const isCut = this.#rows >= limit || this.characters >= characters;
    return {
      changes: this.#changes,
      throughSeq: isCut ? this.#lastSeq : throughSeq,
      characters: this.characters,
    };
  }
}
