/** A sink that keeps a PostgreSQL table. */
import { databaseAddress } from "./database-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";
import { tableName } from "./table-name.ts";

export interface PostgresPlan extends SinkBase {
  readonly kind: "postgres";
  readonly url: SecretTextPlan;
  /** Null: the first of the connection's search path. */
  readonly schema: string | null;
  readonly table: string;
  readonly createTable: boolean;
  readonly batch: number;
  readonly timeoutUs: number;
}

const MAX_BATCH = 20_000;
/** Longer names PostgreSQL would cut. */
const MAX_NAME_BYTES = 63;

export const resolvePostgres: ResolveSink<PostgresPlan> = (readBase, fields) => {
  const base = readBase("earliest");
  return {
    kind: "postgres",
    ...base,
    url: databaseAddress(fields, {
      protocols: ["postgres:", "postgresql:"],
      example: "postgres://writer@db.example.com/analytics",
    }),
    ...tableName(fields, base.from, MAX_NAME_BYTES),
    createTable: fields.isTrue("createTable"),
    batch: fields.count("batch", 2000, { from: 1, to: MAX_BATCH }),
    timeoutUs: fields.durationUs("timeout", "30s"),
  };
};
