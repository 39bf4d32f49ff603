/**
 * For the tests of `src/query/`: a database with datasets as the engine lays them out, and a query
 * over it.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "../../src/core/lifetime.ts";
import { sql, type Sql } from "../../src/core/sql.ts";
import { type Connection, type Database, openDatabase } from "../../src/duckdb/duckdb.ts";
import { type EngineRelations } from "../../src/engine/engine.ts";
import { type ColumnPlan, type DatasetPlan } from "../../src/plan/plan.ts";
import { columnTypeToDuckdb } from "../../src/plan/print-duckdb.ts";
import {
  openQuery,
  type Query,
  type QueryAnswer,
  type QueryOptions,
  type QueryRequest,
} from "../../src/query/query.ts";

const TICKS = [
  { name: "time", type: { kind: "timestamp" }, nullable: false },
  { name: "symbol", type: { kind: "text" }, nullable: false },
  { name: "price", type: { kind: "float64" }, nullable: true },
] as const;

export interface Fixture extends AsyncDisposable {
  readonly database: Database;
  readonly connection: Connection;
  readonly query: Query;
  /** Leases that are held now. */
  leases(): number;
  /** Files that results left behind. */
  staged(): Promise<readonly string[]>;
  /** Makes a dataset: a table with `_seq`, its view for people and its view for our own readers. */
  create(name: string, eventTime: string, columns: readonly ColumnPlan[]): Promise<void>;
  ask(request: Partial<QueryRequest> & { readonly sql: string }): Promise<Buffer>;
  /** A JSON result's rows. */
  rows(text: string, parameters?: QueryRequest["parameters"]): Promise<readonly unknown[][]>;
}

export async function openFixture(options: Partial<QueryOptions> = {}): Promise<Fixture> {
  await using opening = new Lifetime();
  const directory = await mkdtemp(join(tmpdir(), "kurobe-query-"));
  opening.defer(() => rm(directory, { recursive: true }));
  const database = opening.own(
    await openDatabase({
      memoryLimitBytes: 512 * 1024 * 1024,
      threads: 2,
      temporaryDirectory: null,
      maxTemporaryBytes: 0,
      allowedDirectories: [directory],
    }),
  );
  const connection = await database.connect();
  await connection.run(sql`CREATE SCHEMA rows; CREATE SCHEMA mem`);
  const plans = new Map<string, DatasetPlan>();
  const leases = new Set<object>();
  const relations = relationsOf(plans, leases);
  const query = opening.own(
    await openQuery({ database, relations, stagingDirectory: directory, ...options }),
  );
  const ask: Fixture["ask"] = async (request) => {
    await using answer = await query.ask({ format: "json", ...request });
    const pieces: Uint8Array[] = [];
    for await (const piece of answer.body) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const open = opening.move();
  return {
    database,
    connection,
    query,
    leases: () => leases.size,
    staged: () => readdir(directory),
    create: async (name, eventTime, columns) => {
      plans.set(name, planOf(name, eventTime, columns));
      for (const statement of tableOf(name, columns)) await connection.run(statement);
    },
    ask,
    rows: async (text, parameters) => {
      const body = await ask({ sql: text, parameters });
      return (JSON.parse(body.toString()) as { rows: unknown[][] }).rows;
    },
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

function relationsOf(
  plans: ReadonlyMap<string, DatasetPlan>,
  leases: Set<object>,
): EngineRelations {
  return {
    names: () => [...plans.keys()],
    planOf: (name) => plans.get(name),
    versionOf: (name) => `${name}-1`,
    lease: () => {
      const lease = {};
      leases.add(lease);
      return { [Symbol.dispose]: () => void leases.delete(lease) };
    },
  };
}

function planOf(name: string, eventTime: string, columns: readonly ColumnPlan[]): DatasetPlan {
  const watermark = { outOfOrdernessUs: 0, idleTimeoutUs: null, maxFutureSkewUs: 0 };
  return { name, columns, eventTime, key: [], watermark, dedup: null };
}

function tableOf(name: string, columns: readonly ColumnPlan[]): readonly Sql[] {
  const typed = columns.map(
    (column) => sql`${sql.id(column.name)} ${sql.keyword(columnTypeToDuckdb(column.type))}`,
  );
  const names = sql.join(columns.map((column) => sql.id(column.name)));
  const [first = "", second] = name.split(".");
  const view = second === undefined ? sql.id("main", first) : sql.id(first, second);
  return [
    sql`CREATE TABLE mem.${sql.id(name)} (${sql.join(typed)}, _seq BIGINT)`,
    sql`CREATE SCHEMA IF NOT EXISTS ${sql.id(first)}`,
    sql`CREATE VIEW ${view} AS SELECT ${names} FROM mem.${sql.id(name)}`,
    sql`CREATE VIEW rows.${sql.id(name)} AS SELECT ${names}, _seq FROM mem.${sql.id(name)}`,
  ];
}

/** 10,000 ticks, one dead letter, and a table that no query may see. */
export async function openTicks(options: Partial<QueryOptions> = {}): Promise<Fixture> {
  const fixture = await openFixture(options);
  await fixture.create("ticks", "time", TICKS);
  await fixture.create("ticks.dead_letters", "received_at", [
    { name: "received_at", type: { kind: "timestamp" }, nullable: false },
    { name: "reason", type: { kind: "text" }, nullable: false },
  ]);
  await fixture.connection.run(sql`
    INSERT INTO mem.ticks
    SELECT make_timestamp(range * 1000000), 'S' || range % 5, range / 4, range FROM range(10000)`);
  await fixture.connection.run(sql`
    INSERT INTO mem."ticks.dead_letters" VALUES (make_timestamp(0), 'broken', 1)`);
  await fixture.connection.run(sql`CREATE TABLE secret AS SELECT 42 AS x`);
  return fixture;
}

export async function take(answer: QueryAnswer): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
