/**
 * Nothing lost, nothing doubled: what the source says against what Kurobe says, airport by airport.
 */
import { type Client } from "../client.ts";
import { askSql } from "./ask-sql.ts";
import { type AirportFacts, type FlightsFeed } from "./flights-feed.ts";

export interface Proof {
  readonly source: Totals;
  readonly stored: Totals;
  readonly airports: number;
  /** Those of which flights, minutes and miles are the same on both sides. */
  readonly equalAirports: number;
  readonly windows: WindowProof;
  readonly isWhole: boolean;
}

export interface Totals {
  readonly flights: number;
  readonly delay: number;
  readonly distance: number;
}

/** Airports' hours that have a result, and those of which one query over all rows says the same. */
export interface WindowProof {
  readonly hours: number;
  readonly equal: number;
}

const BY_AIRPORT = `
  SELECT origin, count(*) AS flights, sum(delay) AS delay, sum(distance) AS distance
  FROM flights GROUP BY origin ORDER BY origin`;

// One query over all rows, less those that came too late even for a correction: these are listed.
const BY_WINDOW = `
  SELECT count(*) AS hours,
    count(*) FILTER (WHERE w.flights = r.flights AND w.delayed = r.delayed) AS equal
  FROM departures AS w
  FULL JOIN (
    SELECT hour, origin, sum(flights) AS flights, sum(delayed) AS delayed FROM (
      SELECT date_trunc('hour', scheduled) AS hour, origin, 1 AS flights,
        CASE WHEN delay > 15 THEN 1 ELSE 0 END AS delayed
      FROM flights
      UNION ALL
      SELECT _window_start, origin, -1, CASE WHEN delay > 15 THEN -1 ELSE 0 END
      FROM flights.late_rows WHERE _window = 'departures'
    )
    WHERE hour < (SELECT max(window_end) FROM departures)
    GROUP BY hour, origin HAVING sum(flights) > 0
  ) AS r ON r.hour = w.window_start AND r.origin = w.origin`;

export async function prove(client: Client, feed: FlightsFeed): Promise<Proof> {
  const stored = (await askSql(client, BY_AIRPORT)).rows.map(
    ([origin, flights, delay, distance]) => ({
      origin: String(origin),
      flights: Number(flights),
      delay: Number(delay),
      distance: Number(distance),
    }),
  );
  const byOrigin = new Map(stored.map((facts) => [facts.origin, facts]));
  const equalAirports = feed.airports.filter((facts) =>
    isSame(facts, byOrigin.get(facts.origin)),
  ).length;
  const [counted] = (await askSql(client, BY_WINDOW)).rows;
  const windows = { hours: Number(counted?.[0]), equal: Number(counted?.[1]) };
  return {
    source: totalsOf(feed.airports),
    stored: totalsOf(stored),
    airports: feed.airports.length,
    equalAirports,
    windows,
    isWhole:
      equalAirports === feed.airports.length &&
      stored.length === feed.airports.length &&
      windows.equal === windows.hours,
  };
}

function isSame(left: AirportFacts, right: AirportFacts | undefined): boolean {
  return (
    left.flights === right?.flights &&
    left.delay === right.delay &&
    left.distance === right.distance
  );
}

function totalsOf(airports: readonly AirportFacts[]): Totals {
  const sum = (pick: (facts: AirportFacts) => number): number =>
    airports.reduce((total, facts) => total + pick(facts), 0);
  return {
    flights: sum(({ flights }) => flights),
    delay: sum(({ delay }) => delay),
    distance: sum(({ distance }) => distance),
  };
}
