/**
 * Writes state down while rows keep coming: freezes the memory tables in an instant, turns them
 * into chunks in the background, and makes them durable with a manifest.
 */
import { type Clock } from "../core/clock.ts";
import { KurobeError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Log } from "../log/log.ts";
import { type CheckpointStore, type Snapshot } from "./checkpoint-store.ts";
import { daySql, type Table } from "./table.ts";
import { type Writer } from "./writer.ts";

export interface CheckpointRecord {
  /** Number of the manifest. */
  readonly number: number;
  /** Everything up to and with this log position is in it. */
  readonly position: number;
  readonly createdAtUs: bigint;
  readonly reason: string;
  /** Rows that moved from memory into chunks. */
  readonly rows: number;
  readonly chunks: number;
  readonly bytes: number;
  /** From the freeze to the manifest on disk, in milliseconds. */
  readonly elapsedMs: number;
  /** How long the writer stood still for it, in milliseconds. */
  readonly pauseMs: number;
}

export interface CheckpointerDeps {
  readonly writer: Writer;
  readonly tables: ReadonlyMap<string, Table>;
  readonly store: CheckpointStore;
  /** A connection of its own, for the work in the background. */
  readonly connection: Connection;
  readonly log: Log;
  readonly clock: Clock;
  /** What the operators know, as JSON; called while the writer stands still. */
  readonly operatorState: () => unknown;
  readonly onRecord: (record: CheckpointRecord) => void;
}

export class Checkpointer {
  readonly #deps: CheckpointerDeps;
  readonly #serial = new Serial();
  #running = 0;

  constructor(deps: CheckpointerDeps) {
    this.#deps = deps;
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** One after the other; each stands for everything applied before it was asked for. */
  async checkpoint(reason: string): Promise<CheckpointRecord> {
    this.#running++;
    try {
      return await this.#serial.run(() => this.#checkpoint(reason));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new KurobeError("KRB_ENGINE_CHECKPOINT", `the checkpoint failed: ${message}`, {
        cause: error,
      });
    } finally {
      this.#running--;
    }
  }

  async #checkpoint(reason: string): Promise<CheckpointRecord> {
    const { clock, store, log, connection } = this.#deps;
    const startedMs = clock.monotonicMs();
    const snapshot = await this.#freeze(reason);
    const frozenMs = clock.monotonicMs() - startedMs;
    const written = await store.write(connection, snapshot);
    const emptied = snapshot.frozen.map((table) => table.memoryTable(table.frozen ?? 0));
    const swapStartedMs = clock.monotonicMs();
    await this.#swap(snapshot);
    const swappedMs = clock.monotonicMs();
    // Nobody finds them any more, and giving a million rows back takes its time.
    for (const table of emptied) await connection.run(sql`DROP TABLE ${table}`);
    const endedMs = clock.monotonicMs();
    await log.retainFrom(store.replayFrom);
    const record: CheckpointRecord = {
      number: written.number,
      position: snapshot.position,
      createdAtUs: written.createdAtUs,
      reason,
      rows: written.rows,
      chunks: written.chunks,
      bytes: written.bytes,
      elapsedMs: endedMs - startedMs,
      pauseMs: frozenMs + (swappedMs - swapStartedMs),
    };
    this.#deps.onRecord(record);
    return record;
  }

  /** Between two groups: what was in memory stays as it is, new rows go to new tables. */
  #freeze(reason: string): Promise<Snapshot> {
    const { writer, tables, operatorState } = this.#deps;
    return writer.exclusive(async (connection) => {
      // A table is still frozen when an earlier checkpoint failed: it is written down with this
      // one, together with what has come since, so both are brought into one table first.
      for (const table of tables.values())
        if (table.frozen !== null) await reunite(connection, table);
      const full = [...tables.values()].filter((table) => table.memoryRows > 0);
      if (full.length > 0) {
        await connection.transaction(async () => {
          for (const table of full)
            await connection.run(table.createMemoryTable(table.generation + 1));
        });
        for (const table of full) table.freeze();
        await connection.transaction(async () => {
          for (const table of full) {
            for (const view of table.viewStatements()) await connection.run(view);
          }
        });
      }
      writer.bytesSinceFreeze = 0;
      return {
        position: writer.appliedPosition,
        frozen: full,
        repeatDays: new Map([...tables].map(([name, table]) => [name, new Set(table.repeatDays)])),
        nextSeqs: new Map([...tables].map(([name, table]) => [name, table.nextSeq])),
        reason,
        operatorState: operatorState(),
      };
    });
  }

  /** The chunks are durable: they take the place of the frozen tables in one transaction. */
  #swap(snapshot: Snapshot): Promise<void> {
    const { writer, store } = this.#deps;
    return writer.exclusive(async (connection) => {
      for (const table of snapshot.frozen) table.thaw(store.chunksOf(table.name));
      await connection.transaction(async () => {
        for (const table of snapshot.frozen) {
          for (const view of table.viewStatements()) await connection.run(view);
        }
      });
    });
  }

  /** Rewrites many small chunks as one, a few at a time; gives the number of merges done. */
  merge(): Promise<number> {
    this.#running++;
    return this.#serial
      .run(async () => {
        const { store, connection, writer, tables } = this.#deps;
        const merged = await store.merge(connection);
        if (merged.length === 0) return 0;
        await writer.exclusive(async (own) => {
          for (const { name, clearedDays } of merged) {
            const table = tables.get(name);
            if (table === undefined) continue;
            table.chunks = store.chunksOf(name);
            table.forgetRepeats(await withoutMemoryRows(own, table, clearedDays));
          }
          await own.transaction(async () => {
            for (const { name } of merged) {
              for (const view of tables.get(name)?.viewStatements() ?? []) await own.run(view);
            }
          });
        });
        await store.sweep();
        return merged.length;
      })
      .finally(() => {
        this.#running--;
      });
  }

  idle(): Promise<void> {
    return this.#serial.idle();
  }
}

/** A day whose rows are still in memory too may repeat keys all the same. */
async function withoutMemoryRows(
  connection: Connection,
  table: Table,
  days: readonly number[],
): Promise<readonly number[]> {
  const at = sql.id(table.stored.plan.eventTime);
  const inMemory = new Set<number>();
  for (const memory of table.memoryTables()) {
    const rows = await connection.rows<{ day: bigint }>(
      sql`SELECT DISTINCT ${daySql(at)} AS day FROM ${memory} AS m`,
    );
    for (const { day } of rows) inMemory.add(Number(day));
  }
  return days.filter((day) => !inMemory.has(day));
}

async function reunite(connection: Connection, table: Table): Promise<void> {
  const frozen = table.frozen;
  if (frozen === null) return;
  const current = table.memoryTable(table.generation);
  await connection.run(sql`INSERT INTO ${current} SELECT ${sql.join(table.columnNames.map((name) => sql.id(name)))}
      FROM ${table.memoryTable(frozen)}`);
  table.unfreeze();
  for (const view of table.viewStatements()) await connection.run(view);
  await connection.run(sql`DROP TABLE ${table.memoryTable(frozen)}`);
}
