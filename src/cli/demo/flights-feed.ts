/**
 * The demo's rows: real flights as NDJSON, in the order in which they became known, and facts to
 * check by.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { KurobeError } from "../../core/errors.ts";
import { type Sql, sql } from "../../core/sql.ts";
import { type Connection } from "../../duckdb/connection.ts";
import { openDatabase } from "../../duckdb/duckdb.ts";

export interface FlightsFeed {
  /** NDJSON. */
  readonly path: string;
  readonly bytes: number;
  readonly rows: number;
  /** What the source says of each airport, computed before anything was sent. */
  readonly airports: readonly AirportFacts[];
}

/**
 * Equal for two sets of flights only if no flight is missing, doubled or changed, sensibly
 * speaking.
 */
export interface AirportFacts {
  readonly origin: string;
  readonly flights: number;
  readonly delay: number;
  readonly distance: number;
}

/** Writes the feed's file. Throws KRB_CLI_FILE where the source is not installed. */
export async function writeFlightsFeed(directory: string, rows: number): Promise<FlightsFeed> {
  const source = findSource();
  const path = join(directory, "flights.ndjson");
  await using database = await openDatabase({
    memoryLimitBytes: 1024 ** 3,
    threads: 2,
    temporaryDirectory: null,
    maxTemporaryBytes: 0,
    allowedDirectories: [dirname(source), directory],
  });
  await using connection = await database.connect();
  await connection.run(arrivals(source, rows));
  await connection.run(sql`
    COPY (
      SELECT strftime(date, '%Y-%m-%dT%H:%M:%SZ') AS scheduled, delay, distance, origin, destination
      FROM arrivals
    ) TO ${sql.literal(path)} (FORMAT json)`);
  const airports = await airportFacts(connection);
  return {
    path,
    bytes: statSync(path).size,
    rows: airports.reduce((total, { flights }) => total + flights, 0),
    airports,
  };
}

/**
 * A flight is known when it leaves, `delay` minutes late; one that left early, at its time at the
 * latest.
 */
function arrivals(source: string, rows: number): Sql {
  return sql`
    CREATE TABLE arrivals AS
    SELECT date, delay, distance, origin, destination
    FROM read_parquet(${sql.literal(source)})
    ORDER BY date + to_minutes(greatest(delay, 0)), date, origin, destination, distance, delay
    LIMIT ${sql.literal(rows)}`;
}

async function airportFacts(connection: Connection): Promise<readonly AirportFacts[]> {
  return await connection.rows<AirportFacts>(sql`
    SELECT origin, count(*)::INTEGER AS flights, sum(delay)::INTEGER AS delay,
      sum(distance)::INTEGER AS distance
    FROM arrivals
    GROUP BY origin
    ORDER BY origin`);
}

function findSource(): string {
  try {
    // The package names its script only; the data lies beside it.
    const script = createRequire(import.meta.url).resolve("vega-datasets");
    const path = join(dirname(script), "..", "data", "flights-3m.parquet");
    if (existsSync(path)) return path;
  } catch {
    // Not installed: said below, with what to do.
  }
  throw new KurobeError("KRB_CLI_FILE", "the demo's flights are not installed", {
    hint: "They come with the npm package vega-datasets: npm install vega-datasets.",
  });
}

/** Bodies of at most so many bytes, cut at line ends, read one after the other. */
export function* readBodies(path: string, bodyBytes: number): Generator<Buffer> {
  const file = openSync(path, "r");
  try {
    for (let at = 0; ;) {
      const buffer = Buffer.allocUnsafe(bodyBytes);
      const length = readSync(file, buffer, 0, bodyBytes, at);
      if (length === 0) return;
      const whole = buffer.subarray(0, buffer.lastIndexOf("\n", length - 1) + 1);
      yield whole;
      at += whole.length;
    }
  } finally {
    closeSync(file);
  }
}
