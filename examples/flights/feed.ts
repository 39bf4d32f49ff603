/**
 * Plays three million US flights of 2001 in the order in which they became known: a flight that
 * left 90 minutes late is sent 90 minutes after flights that were scheduled with it and left on
 * time.
 *
 *   npx tsx examples/flights/feed.ts > flights.ndjson
 *   npx tsx examples/flights/feed.ts --rows 100000 | npx kurobe ingest flights -
 */
import { createRequire } from "node:module";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";

const PACKAGE = createRequire(import.meta.url).resolve("vega-datasets");
export const SOURCE = join(dirname(PACKAGE), "..", "data", "flights-3m.parquet");

export interface FeedOptions {
  /** Only the first rows that became known; all where undefined. */
  readonly rows?: number | undefined;
}

/** The query over the source file that gives the feed's rows in their order. */
export function arrivals(source: string, options: FeedOptions = {}): string {
  const path = source.replaceAll("'", "''");
  // Every column takes part in the order, so that it is the same on every run. A flight that left
  // early was known at its scheduled time at the latest.
  return `
    SELECT strftime(date, '%Y-%m-%dT%H:%M:%S') AS scheduled, delay, distance, origin, destination
    FROM read_parquet('${path}')
    ORDER BY date + to_minutes(greatest(delay, 0)), date, origin, destination, distance, delay
    ${options.rows === undefined ? "" : `LIMIT ${Math.trunc(options.rows)}`}`;
}

/** NDJSON bodies of about `bodyRows` rows each, in order. */
export async function* feedBodies(
  options: FeedOptions & { readonly bodyRows?: number } = {},
): AsyncGenerator<{ readonly body: Buffer; readonly rows: number }> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const result = await connection.stream(
      `SELECT CAST(to_json(flight) AS VARCHAR) FROM (${arrivals(SOURCE, options)}) AS flight`,
    );
    const bodyRows = options.bodyRows ?? 50_000;
    let lines: string[] = [];
    for await (const chunk of result) {
      for (const line of chunk.getColumnValues(0)) {
        lines.push(String(line));
        if (lines.length === bodyRows) {
          yield { body: Buffer.from(`${lines.join("\n")}\n`), rows: lines.length };
          lines = [];
        }
      }
    }
    if (lines.length > 0) yield { body: Buffer.from(`${lines.join("\n")}\n`), rows: lines.length };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rows: { type: "string" } } });
  const rows = values.rows === undefined ? undefined : Number(values.rows);
  for await (const { body } of feedBodies({ rows })) {
    if (!process.stdout.write(body)) await new Promise((go) => process.stdout.once("drain", go));
  }
}

if (realpathSync(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) await main();
