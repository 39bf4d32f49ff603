/** The queries that the demo asks, over windows and over all rows. */
import { type Client } from "../client.ts";
import { askSql } from "./ask-sql.ts";

export interface Question {
  readonly what: string;
  readonly sql: string;
}

export interface Asked extends Question {
  /** Over HTTP, from the question to the last byte of the answer. */
  readonly elapsedMs: number;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

const QUESTIONS: readonly Question[] = [
  {
    what: "the five largest airports' punctuality, out of daily windows",
    sql:
      "SELECT origin, sum(flights) AS flights, round(100.0 * sum(on_time) / sum(flights), 1) AS percent_on_time " +
      "FROM punctuality GROUP BY origin ORDER BY sum(flights) DESC LIMIT 5",
  },
  {
    what: "the worst hour of all, out of hourly windows",
    sql: "SELECT window_start, flights, lost_minutes, airports FROM long_delays ORDER BY lost_minutes DESC LIMIT 1",
  },
  {
    what: "routes by mean delay, over every row",
    sql:
      "SELECT origin, destination, count(*) AS flights, round(avg(delay), 1) AS mean_delay FROM flights " +
      "GROUP BY origin, destination HAVING count(*) > 500 ORDER BY mean_delay DESC LIMIT 3",
  },
  {
    what: "one airport's one afternoon, row by row",
    sql:
      "SELECT scheduled, destination, delay FROM flights WHERE origin = 'JFK' " +
      "AND scheduled >= TIMESTAMP '2001-05-04 15:00:00' AND scheduled < TIMESTAMP '2001-05-04 16:00:00' " +
      "ORDER BY scheduled",
  },
];

export async function askQuestions(client: Client): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  for (const question of QUESTIONS) {
    const startedMs = performance.now();
    const answer = await askSql(client, question.sql);
    const columns = answer.columns.map(({ name }) => name);
    const elapsedMs = performance.now() - startedMs;
    asked.push({ ...question, elapsedMs, columns, rows: answer.rows });
  }
  return asked;
}
