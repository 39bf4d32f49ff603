import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sql } from "../../src/core/sql.ts";
import { resolveProject } from "../../src/plan/resolve.ts";
import { type ExamplePlatform, openExample } from "../example-platform.ts";
import { arrivals, feedBodies, SOURCE } from "./feed.ts";
import project from "./kurobe.config.ts";

/** About a week of January. */
const ROWS = 120_000;

let example: ExamplePlatform;
let late = 0;

beforeAll(async () => {
  example = await openExample(project);
  // An odd size, so that bodies end in the middle of an hour.
  for await (const { body, rows } of feedBodies({ rows: ROWS, bodyRows: 7_777 })) {
    const outcome = await example.ingest("flights", body);
    if (outcome.accepted !== rows) throw new Error(JSON.stringify(outcome));
    late += outcome.late;
  }
});

afterAll(() => example[Symbol.asyncDispose]());

it("plans three windows over one dataset", () => {
  const plan = resolveProject(project);
  const names = plan.windows.map(({ name }) => name);
  expect(names).toEqual(["departures", "long_delays", "punctuality"]);
});

it("keeps every flight once", async () => {
  const stored = await example.rows(sql`
    SELECT count(*)::INTEGER AS n, sum(delay)::INTEGER AS delay, sum(distance)::INTEGER AS distance
    FROM flights`);
  expect(stored).toEqual(
    await independent(`
      SELECT count(*)::INTEGER AS n, sum(delay)::INTEGER AS delay, sum(distance)::INTEGER AS distance
      FROM arrivals`),
  );
  expect(late).toBeGreaterThan(0);
});

it("publishes the hours of each airport as one query over all rows would, corrections included", async () => {
  const published = await example.rows(sql`
    SELECT strftime(window_start, '%Y-%m-%d %H:%M') AS hour, origin, flights::INTEGER AS flights,
      delayed::INTEGER AS delayed, round(mean_delay, 6) AS mean_delay, worst_delay,
      destinations::INTEGER AS destinations, revision::INTEGER AS revision
    FROM departures ORDER BY hour, origin`);
  const expected = await independent(`
    SELECT strftime(hour, '%Y-%m-%d %H:%M') AS hour, origin, count(*)::INTEGER AS flights,
      (count(*) FILTER (delay > 15))::INTEGER AS delayed, round(avg(delay), 6) AS mean_delay,
      max(delay)::INTEGER AS worst_delay, count(DISTINCT destination)::INTEGER AS destinations,
      (1 + count(*) FILTER (watermark >= hour + INTERVAL 1 HOUR))::INTEGER AS revision
    FROM (SELECT *, date_trunc('hour', t) AS hour FROM arrivals)
    WHERE coalesce(watermark < hour + INTERVAL 13 HOURS, true) AND hour + INTERVAL 1 HOUR <= last_watermark
    GROUP BY ALL ORDER BY hour, origin`);
  expect(published.length).toBeGreaterThan(10_000);
  expect(published.filter(({ revision }) => Number(revision) > 1).length).toBeGreaterThan(100);
  expect(published).toEqual(expected);
});

it("cuts days at Chicago's midnight", async () => {
  const published = await example.rows(sql`
    SELECT strftime(window_start, '%Y-%m-%d %H:%M') AS start, origin, flights::INTEGER AS flights,
      on_time::INTEGER AS on_time, round(on_time_share, 6) AS on_time_share, miles::INTEGER AS miles
    FROM punctuality ORDER BY start, origin`);
  const expected = await independent(`
    SELECT strftime(timezone('UTC', timezone('America/Chicago', day)), '%Y-%m-%d %H:%M') AS start, origin,
      count(*)::INTEGER AS flights, (count(*) FILTER (delay <= 15))::INTEGER AS on_time,
      round((count(*) FILTER (delay <= 15)) / count(*), 6) AS on_time_share, sum(distance)::INTEGER AS miles
    FROM (SELECT *, date_trunc('day', timezone('America/Chicago', timezone('UTC', t))) AS day FROM arrivals)
    WHERE timezone('UTC', timezone('America/Chicago', day + INTERVAL 1 DAY)) <= last_watermark
    GROUP BY ALL ORDER BY start, origin`);
  expect(published.length).toBeGreaterThan(500);
  expect(published).toEqual(expected);
});

/**
 * The answer of a bare DuckDB over the source file: `arrivals` in feed order, with the watermark
 * before each.
 */
async function independent(question: string): Promise<readonly object[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(`
      CREATE TABLE arrivals AS
      SELECT *, max(t) OVER (ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
          - INTERVAL 1 HOUR AS watermark,
        max(t) OVER () - INTERVAL 1 HOUR AS last_watermark
      FROM (SELECT row_number() OVER () AS i, CAST(scheduled AS TIMESTAMP) AS t, delay, distance, origin,
              destination FROM (${arrivals(SOURCE, { rows: ROWS })}))`);
    return (await connection.runAndReadAll(question)).getRowObjectsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
