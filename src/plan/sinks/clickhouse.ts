/** A sink that adds to a table of ClickHouse. */
import { databaseAddress } from "./database-address.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";
import { tableName } from "./table-name.ts";

export interface ClickHousePlan extends SinkBase {
  readonly kind: "clickhouse";
  readonly url: SecretTextPlan;
  /** The database; null: the one of the URL, or `default`. */
  readonly schema: string | null;
  readonly table: string;
  readonly createTable: boolean;
  readonly batch: number;
  readonly timeoutUs: number;
}

const MAX_BATCH = 100_000;
const MAX_NAME_BYTES = 200;

export const resolveClickHouse: ResolveSink<ClickHousePlan> = (readBase, fields) => {
  const base = readBase("earliest");
  return {
    kind: "clickhouse",
    ...base,
    url: databaseAddress(fields, {
      protocols: ["https:", "http:"],
      example: "https://writer@clickhouse.example.com:8443/analytics",
    }),
    ...tableName(fields, base.from, MAX_NAME_BYTES),
    createTable: fields.isTrue("createTable"),
    batch: fields.count("batch", 5000, { from: 1, to: MAX_BATCH }),
    timeoutUs: fields.durationUs("timeout", "30s"),
  };
};
