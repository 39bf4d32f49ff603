/** Remembers answers by idempotency key for a day, so that a retry changes nothing. */
import { sql } from "../core/sql.ts";
import { type Connection } from "../duckdb/duckdb.ts";
import { type Outcome } from "./outcome.ts";
import { RECEIPTS } from "./stored-tables.ts";
import { type Table } from "./table.ts";
import { type Transaction } from "./transaction.ts";

/** How long a key is remembered, by received time. Said in the HTTP reference. */
export const RECEIPT_HORIZON_US = 24n * 3_600_000_000n;
/** Above this, the oldest keys are forgotten first. */
export const MAX_RECEIPTS = 1_000_000;

interface Receipt {
  readonly receivedAtUs: bigint;
  readonly outcome: Outcome;
}

interface NewReceipt extends Receipt {
  readonly dataset: string;
  readonly key: string;
}

export class Receipts {
  /** In order of arrival, so that the first is the oldest. */
  readonly #byKey = new Map<string, Receipt>();
  #added: NewReceipt[] = [];

  /** The answer that was given to this key before, in this transaction or an earlier one. */
  find(dataset: string, key: string, nowUs: bigint): Outcome | undefined {
    const name = nameOf(dataset, key);
    const added = this.#added.find((one) => nameOf(one.dataset, one.key) === name);
    const receipt = added ?? this.#byKey.get(name);
    if (receipt === undefined || receipt.receivedAtUs + RECEIPT_HORIZON_US < nowUs)
      return undefined;
    return { ...receipt.outcome, replayed: true };
  }

  add(dataset: string, key: string, receivedAtUs: bigint, outcome: Outcome): void {
    this.#added.push({ dataset, key, receivedAtUs, outcome });
  }

  /** Writes what was added into the receipt table, before the transaction ends. */
  async write(tx: Transaction): Promise<void> {
    if (this.#added.length === 0) return;
    const columns = ["receivedAt", "dataset", "key", "outcome"] as const;
    const rows = this.#added.map((one) => ({
      receivedAt: String(one.receivedAtUs),
      dataset: one.dataset,
      key: one.key,
      outcome: JSON.stringify(one.outcome),
    }));
    const lists = columns.map((name) => {
      const values = sql.join(rows.map((row) => sql.literal(row[name])));
      return sql`unnest([${values}]) AS ${sql.id(name)}`;
    });
    await tx.insert(RECEIPTS, {
      columns: sql`make_timestamp(CAST("receivedAt" AS BIGINT)), dataset, key, outcome`,
      from: sql`(SELECT "receivedAt", dataset, key, outcome, row_number() OVER () - 1 AS place
                   FROM (SELECT ${sql.join(lists)}) AS l) AS n`,
      offset: sql`place`,
      span: rows.length,
      repeats: "never",
    });
  }

  commit(): void {
    for (const { dataset, key, ...receipt } of this.#added)
      this.#byKey.set(nameOf(dataset, key), receipt);
    this.#added = [];
    for (const key of this.#byKey.keys()) {
      if (this.#byKey.size <= MAX_RECEIPTS) break;
      this.#byKey.delete(key);
    }
  }

  rollback(): void {
    this.#added = [];
  }

  /** After a start: reads back what the checkpoint holds. */
  async load(connection: Connection, table: Table): Promise<void> {
    const rows = await connection.rows<{
      at: bigint;
      dataset: string;
      key: string;
      outcome: string;
    }>(
      sql`SELECT epoch_us(received_at) AS at, dataset, key, outcome FROM ${table.relation()} AS r
           WHERE received_at > (SELECT max(received_at) FROM ${table.relation()} AS m) - INTERVAL 1 DAY
           ORDER BY _seq`,
    );
    for (const { at, dataset, key, outcome } of rows) {
      this.#byKey.set(nameOf(dataset, key), {
        receivedAtUs: at,
        outcome: JSON.parse(outcome) as Outcome,
      });
    }
  }
}

function nameOf(dataset: string, key: string): string {
  return `${dataset}\u0000${key}`;
}
