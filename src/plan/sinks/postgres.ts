/** A sink that keeps a PostgreSQL table. */
import { show } from "../problem.ts";
import { databaseAddress } from "./database-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";

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
  const named = fields.text("table", '"analytics.bars"', base.from.replaceAll(".", "_"));
  const parts = named.split(".");
  const [table = "", schema = null] = parts.toReversed();
  if (parts.length > 2 || parts.some((part) => !isName(part))) {
    fields.raw("table").problems.add(show(named), "a table, or schema.table", '"analytics.bars"');
  }
  return {
    kind: "postgres",
    ...base,
    url: databaseAddress(fields, {
      protocols: ["postgres:", "postgresql:"],
      example: "postgres://writer@db.example.com/analytics",
    }),
    schema,
    table,
    createTable: fields.isTrue("createTable"),
    batch: fields.count("batch", 2000, { from: 1, to: MAX_BATCH }),
    timeoutUs: fields.durationUs("timeout", "30s"),
  };
};

function isName(part: string): boolean {
  return part !== "" && !part.includes("\0") && Buffer.byteLength(part) <= MAX_NAME_BYTES;
}
