/** Keeps a table of PostgreSQL: upserts and deletes in one transaction a batch. */
import { createHash } from "node:crypto";
import type { Client } from "pg";
import { KurobeError } from "../core/errors.ts";
import { type Sql } from "../core/sql.ts";
import { type PostgresPlan } from "../plan/sinks/postgres.ts";
import { loadClient } from "./client-package.ts";
import { databaseUrl } from "./database-url.ts";
import { type Delivery } from "./delivery.ts";
import { type Destination, type DestinationDeps } from "./destination.ts";
import { newestPerKey } from "./newest-per-key.ts";
import { deliveryError, isAnswer, tableError } from "./postgres-errors.ts";
import {
  addColumnStatement,
  columnsOf,
  createStatements,
  deleteStatement,
  describeStatement,
  type FoundTable,
  misfits,
  type PostgresTable,
  qualified,
  upsertStatement,
} from "./postgres-table.ts";

/** The server stops a statement first; this is for one that does not answer at all. */
const SILENCE_MS = 2_000;

export async function openPostgres(
  plan: PostgresPlan,
  deps: DestinationDeps,
): Promise<Destination> {
  const { default: pg } = await loadClient(plan.name, "pg", () => import("pg"));
  const { href } = databaseUrl(plan, ["postgres:", "postgresql:"], deps);
  const timeoutMs = Math.ceil(plan.timeoutUs / 1000);
  const connect = (): Client =>
    new pg.Client({
      connectionString: href,
      application_name: "kurobe",
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs + SILENCE_MS,
      keepAlive: true,
    });
  const { relation, canDelete } = deps;
  const table = { schema: plan.schema, table: plan.table, relation, canDelete };
  const sink = new PostgresSink(plan, table, connect);
  return {
    kind: "rows",
    batchRows: plan.batch,
    lanes: 1,
    deliver: (batch, signal) => sink.deliver(batch, signal),
    [Symbol.asyncDispose]: () => sink.close(),
  };
}

class PostgresSink {
  readonly #plan: PostgresPlan;
  readonly #table: PostgresTable;
  readonly #connect: () => Client;
  /** Connected, with a table that fits; null before that and after a failure. */
  #client: Client | null = null;

  constructor(plan: PostgresPlan, table: PostgresTable, connect: () => Client) {
    this.#plan = plan;
    this.#table = table;
    this.#connect = connect;
  }

  async deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<void> {
    const client = this.#client ?? (await this.#open());
    const onAbort = (): void => void this.#drop(client);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#write(client, batch);
    } catch (error) {
      // After silence or a lost connection nothing is known of it; its transaction may even commit.
      if (isAnswer(error)) await client.query("ROLLBACK").catch(() => this.#drop(client));
      else await this.#drop(client);
      throw deliveryError(this.#plan.name, error);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * The lock lets one transaction of this table in at a time, also one that a crash left behind.
   */
  async #write(client: Client, batch: readonly Delivery[]): Promise<void> {
    const newest = newestPerKey(batch);
    const upserts = newest.filter(({ delivery }) => delivery.op !== "delete");
    const deletes = newest.filter(({ delivery }) => delivery.op === "delete");
    await client.query(
      `BEGIN; SET LOCAL statement_timeout = ${Math.ceil(this.#plan.timeoutUs / 1000)};
       SET LOCAL timezone = 'UTC'; SELECT pg_advisory_xact_lock(${lockOf(this.#table)})`,
    );
    if (upserts.length > 0) await run(client, upsertStatement(this.#table, upserts));
    if (deletes.length > 0) await run(client, deleteStatement(this.#table, deletes));
    await client.query("COMMIT");
  }

  async #open(): Promise<Client> {
    const client = this.#connect();
    // Without a listener the loss of an idle connection would end the process.
    client.on("error", () => void this.#drop(client));
    try {
      await client.connect();
      await this.#prepare(client);
    } catch (error) {
      await this.#drop(client);
      throw tableError(this.#plan.name, error);
    }
    this.#client = client;
    return client;
  }

  async #prepare(client: Client): Promise<void> {
    if (this.#plan.createTable) await this.#create(client);
    const name = qualified(this.#table, this.#table.table).text;
    const { columns, hasDeleted } = await this.#describe(client);
    const wrong = columns.length === 0 ? ["it does not exist"] : misfits(this.#table, columns);
    if (!hasDeleted) wrong.push("there is no table kurobe_deleted beside it");
    if (wrong.length === 0) return;
    const make = createStatements(this.#table).map(({ text }) => `${text};`);
    throw new KurobeError(
      "KRB_SINKS_TARGET",
      `sink ${this.#plan.name} cannot use the table ${name}: ${wrong.join("; ")}`,
      { hint: `Say createTable: true, or make it so:\n${make.join("\n")}` },
    );
  }

  /** `IF NOT EXISTS` alone fails where two create the same at once. */
  async #create(client: Client): Promise<void> {
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${lockOf(this.#table)})`);
    for (const statement of createStatements(this.#table)) await run(client, statement);
    const { columns: found } = await this.#describe(client);
    for (const column of columnsOf(this.#table)) {
      if (found.some(({ name }) => name === column.name)) continue;
      await run(client, addColumnStatement(this.#table, column));
    }
    await client.query("COMMIT");
  }

  async #describe(client: Client): Promise<FoundTable> {
    const { text, values } = describeStatement(this.#table);
    const { rows } = await client.query<FoundTable>(text, [...values]);
    return rows[0] ?? { columns: [], hasDeleted: false };
  }

  async #drop(client: Client): Promise<void> {
    if (this.#client === client) this.#client = null;
    await client.end().catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#client !== null) await this.#drop(this.#client);
  }
}

function lockOf({ schema, table }: PostgresTable): bigint {
  const hash = createHash("sha256").update(JSON.stringify(["kurobe", schema, table]));
  return hash.digest().readBigInt64LE();
}

async function run(client: Client, { text, values }: Sql): Promise<void> {
  await client.query(text, [...values]);
}
