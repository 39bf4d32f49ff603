/** The project of the tests of the whole process, and what every one of them must leave alone. */
import { expect } from "vitest";
import { type RunningServer } from "../support/running-server.ts";

export interface EventsOptions {
  /** Text of further columns of `events`, each with its comma. */
  readonly columns?: string;
  /** Text of the columns as they are without it. */
  readonly note?: string;
  /** Text of further windows. */
  readonly windows?: string;
  readonly watermark?: string;
  /** Text of further fields of the dataset, each with its comma. */
  readonly fields?: string;
  /** Text of further parts of the project, each with its comma. */
  readonly more?: string;
}

export const PER_MINUTE = `
    per_minute: tumbling({
      from: "events",
      size: "1m",
      by: ["kind"],
      measure: { n: count(), total: sum("id"), newest: last("id") },
      allowedLateness: "5m",
    }),`;

/** One dataset, `events`, and a window over it unless another text of windows is given. */
export function eventsProject(options: EventsOptions = {}): string {
  const { columns = "", note = "column.text().nullable()", windows = PER_MINUTE } = options;
  const { watermark = '{ outOfOrderness: "0s" }', fields = "", more = "" } = options;
  return `
import * as kurobe from "kurobe";

const { column, count, dataset, defineProject, last, max, sum, tumbling } = kurobe;
void max;
export default defineProject({
  name: "events",
  datasets: {
    events: dataset({
      columns: {
        at: column.timestamp(),
        id: column.int64(),
        kind: column.text(),
        note: ${note},
        amount: column.float64().nullable(),
        extra: column.json().nullable(),${columns}
      },
      eventTime: "at",
      watermark: ${watermark},${fields}
    }),
  },
  windows: {${windows}
  },${more}
});
`;
}

/** One second apart from `firstId` on: event `id` happens at second `id` of 2026. */
export function eventLines(firstId: number, count: number): string {
  return Array.from({ length: count }, (_, index) => eventLine(firstId + index)).join("");
}

export function eventLine(id: number, more: Readonly<Record<string, unknown>> = {}): string {
  return `${JSON.stringify({ at: timeOf(id), id, kind: `k${id % 3}`, ...more })}\n`;
}

export function timeOf(id: number): string {
  return new Date(Date.UTC(2026, 0, 1) + id * 1000).toISOString();
}

export interface Tally {
  readonly rows: number;
  readonly sum: number;
}

export async function tally(server: RunningServer): Promise<Tally> {
  const [found] = await server.sql("SELECT count(*) AS n, coalesce(sum(id), 0) AS s FROM events");
  return { rows: Number(found?.["n"]), sum: Number(found?.["s"]) };
}

/** Sends rows that are right, and makes sure that they were taken. */
export async function sendEvents(
  server: RunningServer,
  firstId: number,
  count: number,
): Promise<void> {
  const response = await server.send("events", eventLines(firstId, count));
  expect(await response.json()).toMatchObject({ accepted: count, rejected: 0 });
}

/** The body of an answer that is an error with a code. */
export async function problemOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  expect(response.headers.get("content-type")).toContain("application/problem+json");
  const problem = (await response.json()) as Readonly<Record<string, unknown>>;
  expect(problem).toMatchObject({
    code: expect.stringMatching(/^KRB_/) as string,
    hint: expect.stringMatching(/\w/) as string,
    status: response.status,
  });
  return problem;
}
