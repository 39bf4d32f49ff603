/**
 * Nexmark's queries over 10,000 events that arrive out of order and in requests of random sizes:
 * the results that are kept up to date equal DuckDB's answer over all events at the end.
 */
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BATCH, type QueryName } from "../../bench/nexmark/batch.ts";
import { type BatchQuery } from "../../bench/nexmark/batch-query.ts";
import {
  closingEvents,
  NEXMARK,
  NexmarkGenerator,
  type NexmarkEvent,
} from "../../bench/nexmark/generator.ts";
import project from "../../bench/nexmark/kurobe.config.ts";
import { ndjsonLine } from "../../bench/nexmark/ndjson.ts";
import { SIDE_INPUT_SQL, sideInput } from "../../bench/nexmark/side-input.ts";
import { type Clock } from "../../src/core/clock.ts";
import { sql, Sql } from "../../src/core/sql.ts";
import { resolveProject } from "../../src/plan/resolve.ts";
import { openPlatform, type Platform } from "../../src/platform/open-platform.ts";
import { PLATFORM_SETTINGS } from "../support/served-platform.ts";

const EVENTS = 10_000;
const MAX_BATCH = 700;
const KINDS = ["person", "auction", "bid"] as const;
const DAY_MS = 86_400_000;

/** 100 seconds around midnight, so that windows of all sizes close; 3 seconds out of order. */
const options = {
  ...NEXMARK,
  startMs: Date.UTC(2015, 6, 14, 23, 59, 20),
  eventsPerSecond: 100,
  outOfOrderGroup: 300,
};

let directory: string;
let platform: Platform;
let oracle: DuckDBConnection;

/** Half a second from one request to the next. */
class TestClock implements Clock {
  ms = Date.UTC(2026, 0, 1);
  nowUs(): bigint {
    return BigInt(this.ms) * 1000n;
  }
  monotonicMs(): number {
    return 0;
  }
}
const STEP_MS = 500;
const clock = new TestClock();
/** When each bid came in. */
const arrivals = new Map<NexmarkEvent, number>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-nexmark-"));
  const generator = new NexmarkGenerator(options);
  const events = Array.from({ length: EVENTS }, (_, place) => generator.at(place));
  const closing = closingEvents(options.startMs + 3 * DAY_MS);
  const settings = { ...PLATFORM_SETTINGS, dataDirectory: join(directory, "data") };
  platform = await openPlatform(resolveProject(project), settings, { clock });
  await accept("side_input", sideInput().trim().split("\n"));
  for (const batch of batches(events)) await send(batch);
  clock.ms += DAY_MS;
  await send(closing);
  oracle = await openOracle(events);
});

afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  oracle.closeSync();
  await rm(directory, { recursive: true, force: true });
});

/** Stretches of the stream, of many sizes. */
function batches(events: readonly NexmarkEvent[]): readonly (readonly NexmarkEvent[])[] {
  const result: (readonly NexmarkEvent[])[] = [];
  for (let from = 0, size = 1; from < events.length; size = (size * 17 + 5) % MAX_BATCH) {
    result.push(events.slice(from, from + size + 1));
    from += size + 1;
  }
  return result;
}

async function send(events: readonly NexmarkEvent[]): Promise<void> {
  clock.ms += STEP_MS;
  for (const event of events) arrivals.set(event, clock.ms);
  const outcomes = [...KINDS, "arriving_bid" as const].map(async (dataset) => {
    const rows = events.filter(({ kind }) => dataset.endsWith(kind));
    if (rows.length === 0) return;
    await accept(dataset, rows.map(ndjsonLine));
  });
  await Promise.all(outcomes);
}

async function accept(dataset: string, lines: readonly string[]): Promise<void> {
  const outcome = await platform.ingest.accept({
    dataset,
    format: "ndjson",
    body: Buffer.from(lines.map((line) => `${line}\n`).join("")),
    onInvalid: "reject",
    producer: "",
    idempotencyKey: "",
  });
  expect(outcome).toMatchObject({ kind: "applied", accepted: lines.length, late: 0 });
}

async function openOracle(events: readonly NexmarkEvent[]): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  for (const kind of KINDS) {
    const path = join(directory, `${kind}.ndjson`);
    const rows = events.filter((event) => event.kind === kind);
    const lines = rows.map((row) => {
      const p_time = new Date(arrivals.get(row) ?? 0).toISOString();
      return `${JSON.stringify({ ...(JSON.parse(ndjsonLine(row)) as object), p_time })}\n`;
    });
    await writeFile(path, lines.join(""));
    await connection.run(
      `CREATE TABLE ${kind} AS SELECT *, row_number() OVER () AS place
       FROM read_json('${path}', format = 'newline_delimited')`,
    );
  }
  await connection.run(SIDE_INPUT_SQL);
  return connection;
}

async function expected({ columns, sql: text }: BatchQuery): Promise<readonly string[]> {
  const texts = columns.map((name) => `CAST(${name} AS VARCHAR)`).join(", ");
  const answer = await oracle.runAndReadAll(`SELECT ${texts} FROM (${text})`);
  return answer
    .getRows()
    .map((row) => row.join(" | "))
    .toSorted();
}

async function published(name: QueryName, query: BatchQuery): Promise<readonly string[]> {
  const { columns, only = "TRUE", kurobe = `SELECT * FROM ${name}` } = query;
  await using connection = await platform.database.connect();
  const texts = columns.map((column) => sql`CAST(${sql.id(column)} AS VARCHAR)`);
  const from = new Sql(`(${kurobe}) WHERE ${only}`, []);
  const rows = await connection.values(sql`SELECT ${sql.join(texts)} FROM ${from}`);
  return rows.map((row) => row.map(String).join(" | ")).toSorted();
}

test.each(Object.entries(BATCH) as [QueryName, BatchQuery][])("%s", async (name, query) => {
  const rows = await expected(query);
  expect(rows.length).toBeGreaterThan(1);
  expect(await published(name, query)).toEqual(rows);
});
