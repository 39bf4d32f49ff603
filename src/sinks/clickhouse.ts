/** Adds versions of rows to a table of ClickHouse, in JSON, over its HTTP interface. */
import type { ClickHouseClient } from "@clickhouse/client";
import { type ErrorCode } from "../core/error-catalog.ts";
import { isKurobeError, KurobeError } from "../core/errors.ts";
import { type ClickHousePlan } from "../plan/sinks/clickhouse.ts";
import {
  addColumnStatement,
  type ClickHouseTable,
  columnsOf,
  createStatement,
  DESCRIBE_COLUMNS,
  DESCRIBE_TABLE,
  type FoundTable,
  misfits,
  nameOf,
  outOfCalendar,
  rowOf,
} from "./clickhouse-table.ts";
import { loadClient } from "./client-package.ts";
import { databaseUrl } from "./database-url.ts";
import { batchId, type Delivery } from "./delivery.ts";
import { type Destination, type DestinationDeps } from "./destination.ts";

export async function openClickHouse(
  plan: ClickHousePlan,
  deps: DestinationDeps,
): Promise<Destination> {
  const load = () => import("@clickhouse/client");
  const { createClient } = await loadClient(plan.name, "@clickhouse/client", load);
  const url = databaseUrl(plan, ["https:", "http:"], deps);
  const client = createClient({
    url,
    application: "kurobe",
    request_timeout: Math.ceil(plan.timeoutUs / 1000),
    max_open_connections: 2,
    // It writes to stderr what we report ourselves.
    log: { level: 127 },
  });
  const { schema, table } = plan;
  const sink = new ClickHouseSink(plan, { schema, table, relation: deps.relation }, client);
  return {
    kind: "rows",
    batchRows: plan.batch,
    lanes: 1,
    deliver: (batch, signal) => sink.deliver(batch, signal),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** An answer means that the rows are stored, and a value is as it was written or refused. */
const INSERT_SETTINGS = {
  async_insert: 0,
  date_time_input_format: "best_effort",
  input_format_null_as_default: 0,
  input_format_skip_unknown_fields: 0,
} as const;

class ClickHouseSink {
  readonly #plan: ClickHousePlan;
  readonly #table: ClickHouseTable;
  readonly #client: ClickHouseClient;
  #isPrepared = false;

  constructor(plan: ClickHousePlan, table: ClickHouseTable, client: ClickHouseClient) {
    this.#plan = plan;
    this.#table = table;
    this.#client = client;
  }

  async deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<void> {
    try {
      if (!this.#isPrepared) await this.#prepare(signal);
      this.#checkCalendar(batch);
      await this.#client.insert({
        table: nameOf(this.#table).text,
        format: "JSONEachRow",
        values: batch.map((delivery) => rowOf(this.#table, delivery)),
        clickhouse_settings: { ...INSERT_SETTINGS, insert_deduplication_token: batchId(batch) },
        abort_signal: signal,
      });
    } catch (cause) {
      const error = deliveryError(this.#plan.name, cause);
      // The table may be another one after what comes now.
      if (error.code === "KRB_SINKS_TARGET") this.#isPrepared = false;
      throw error;
    }
  }

  #checkCalendar(batch: readonly Delivery[]): void {
    for (const delivery of batch) {
      const column = outOfCalendar(this.#table, delivery);
      if (column === undefined) continue;
      throw new KurobeError(
        "KRB_SINKS_REJECTED",
        `sink ${this.#plan.name}: ClickHouse's calendar, from 1900 to 2299, ` +
          `does not have the ${column} ${String(delivery.row[column])}`,
      );
    }
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const command = async (query: string): Promise<void> => {
      await this.#client.command({ query, abort_signal: signal });
    };
    const create = createStatement(this.#table);
    if (this.#plan.createTable) {
      await command(create);
      const found = await this.#ask<{ readonly name: string }>(DESCRIBE_COLUMNS, signal);
      for (const column of columnsOf(this.#table)) {
        if (found.some(({ name }) => name === column.name)) continue;
        await command(addColumnStatement(this.#table, column));
      }
    }
    const [found] = await this.#ask<FoundTable>(DESCRIBE_TABLE, signal);
    const columns = await this.#ask<{ name: string; type: string }>(DESCRIBE_COLUMNS, signal);
    const wrong =
      found === undefined ? ["it does not exist"] : misfits(this.#table, found, columns);
    if (wrong.length > 0) {
      throw new KurobeError(
        "KRB_SINKS_TARGET",
        `sink ${this.#plan.name} cannot use the table ${nameOf(this.#table).text}: ${wrong.join("; ")}`,
        { hint: `Say createTable: true, or make it so:\n${create};` },
      );
    }
    this.#isPrepared = true;
  }

  async #ask<T>(query: string, signal: AbortSignal): Promise<readonly T[]> {
    const { schema, table } = this.#table;
    const answer = await this.#client.query({
      query,
      query_params: { schema: schema ?? "", table },
      format: "JSONEachRow",
      abort_signal: signal,
    });
    return await answer.json<T>();
  }
}

const REJECTED = "6 26 27 38 41 53 69 70 72 117 131 321 349 407 469 636";
const TARGET = "10 16 36 44 47 48 57 60 62 81 115 452";
const DENIED = "192 193 194 497 516";

/** What the server's error codes mean; the others pass. */
const MEANINGS: ReadonlyMap<string, ErrorCode> = new Map([
  ...REJECTED.split(" ").map((code) => [code, "KRB_SINKS_REJECTED"] as const),
  ...TARGET.split(" ").map((code) => [code, "KRB_SINKS_TARGET"] as const),
  ...DENIED.split(" ").map((code) => [code, "KRB_SINKS_DENIED"] as const),
]);

/** Longer texts have a stack or the whole statement in them. */
const SHOWN_CHARACTERS = 300;

function deliveryError(sink: string, cause: unknown): KurobeError {
  if (isKurobeError(cause)) return cause;
  const { code = "", message = String(cause) } = cause as { code?: string; message?: string };
  const meaning = MEANINGS.get(code) ?? "KRB_SINKS_UNREACHABLE";
  const said = message.slice(0, SHOWN_CHARACTERS).trim();
  return new KurobeError(meaning, `sink ${sink}: ClickHouse: ${said === "" ? code : said}`, {
    details: { code },
    cause,
  });
}
