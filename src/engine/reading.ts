/** Reads stored tables as streams, beside the writer: for what delivers rows elsewhere. */
import { KurobeError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { type Connection, type Database } from "../duckdb/duckdb.ts";
import { type ChangePage, type ChangesWanted, readChanges } from "./changes.ts";
import { type EngineRelations } from "./engine.ts";
import { type Exported, exportSettled, type ExportOptions } from "./export.ts";
import { type Table } from "./table.ts";

/** Exports may take long, so they have a connection of their own. */
export class TableReading implements AsyncDisposable {
  readonly #reader: Connection;
  readonly #exporter: Connection;
  readonly #staging: string;
  readonly #tables: ReadonlyMap<string, Table>;
  readonly #relations: Pick<EngineRelations, "lease">;
  readonly #reads = new Serial();
  readonly #exports = new Serial();

  private constructor(
    connections: readonly [Connection, Connection],
    staging: string,
    tables: ReadonlyMap<string, Table>,
    relations: Pick<EngineRelations, "lease">,
  ) {
    [this.#reader, this.#exporter] = connections;
    this.#staging = staging;
    this.#tables = tables;
    this.#relations = relations;
  }

  static async open(
    database: Database,
    staging: string,
    tables: ReadonlyMap<string, Table>,
    relations: Pick<EngineRelations, "lease">,
  ): Promise<TableReading> {
    const reader = await database.connect();
    const exporter = await database.connect();
    return new TableReading([reader, exporter], staging, tables, relations);
  }

  async changes(table: string, wanted: ChangesWanted): Promise<ChangePage> {
    using lease = this.#relations.lease();
    void lease;
    const found = this.#table(table);
    return await this.#reads.run(() => readChanges(this.#reader, found, wanted));
  }

  async exportSettled(table: string, options: ExportOptions): Promise<Exported | null> {
    using lease = this.#relations.lease();
    void lease;
    const found = this.#table(table);
    return await this.#exports.run(() =>
      exportSettled(this.#exporter, found, this.#staging, options),
    );
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table !== undefined) return table;
    throw new KurobeError("KRB_CORE_ASSERTION", `no stored table ${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reads.idle();
    await this.#exports.idle();
    await this.#exporter[Symbol.asyncDispose]();
    await this.#reader[Symbol.asyncDispose]();
  }
}
