/** Reads what is stored, beside the engine's writer. */
import { Serial } from "../core/serial.ts";
import { type Sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Engine } from "../engine/engine.ts";

export interface StoredRows extends AsyncDisposable {
  /** One statement at a time; no chunk file goes away under it. */
  read<T>(statement: Sql): Promise<T[]>;
}

/** Owns the connection. */
export function openStoredRows(
  { relations }: Pick<Engine, "relations">,
  connection: Connection,
): StoredRows {
  const serial = new Serial();
  return {
    read: <T>(statement: Sql) =>
      serial.run(async () => {
        using lease = relations.lease();
        void lease;
        return await connection.rows<T>(statement);
      }),
    async [Symbol.asyncDispose]() {
      await serial.idle();
      await connection[Symbol.asyncDispose]();
    },
  };
}
