/** A year of history, loaded by the built package while live rows go on. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectDirectory, type RunningServer, startServer } from "../support/running-server.ts";

const project = `
import { column, count, dataset, defineProject, hopping, last, session, sum, tumbling } from "kurobe";

const trades = dataset({
  columns: { at: column.timestamp(), symbol: column.text(), quantity: column.int64() },
  eventTime: "at",
  watermark: { outOfOrderness: "2h" },
});
const measure = { trades: count(), quantity: sum("quantity") };
const hours = tumbling({ from: trades, size: "1h", by: ["symbol"], measure });
export default defineProject({
  name: "history",
  datasets: { trades },
  windows: {
    hours,
    days: tumbling({ from: hours, size: "1 day", measure: { trades: sum("trades") } }),
    slides: hopping({ from: trades, size: "1 day", every: "6h", measure }),
    visits: session({ from: trades, gap: "3h", by: ["symbol"], measure: { ...measure, close: last("quantity") } }),
  },
});
`;

const HOUR_MS = 3_600_000;
const YEAR_MS = Date.UTC(2025, 0, 1);
const LIVE_MS = Date.UTC(2026, 5, 1);
const HOURS = 365 * 24;

/** Up to an hour out of order, with pauses of some hours, so that there are many sessions. */
function history(symbol: string, seed: number): string {
  const lines = ["at,symbol,quantity"];
  let state = seed;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let hour = 0; hour < HOURS; hour++) {
    if (random() < 0.25) hour += Math.floor(random() * 6);
    for (let trade = 0; trade < 1 + (hour % 2); trade++) {
      const at = new Date(YEAR_MS + Math.floor((hour + random() * 1.5) * HOUR_MS)).toISOString();
      lines.push(`${at},${symbol},${Math.floor(random() * 100)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function liveLine(second: number): string {
  const at = new Date(LIVE_MS + second * 600_000).toISOString();
  return JSON.stringify({ at, symbol: second % 3 === 0 ? "A" : "B", quantity: second % 10 });
}

/** A batch at a time, until it is told to stop. Gives how many rows it has sent. */
async function liveRows(server: RunningServer, signal: AbortSignal, from = 0): Promise<number> {
  let sent = from;
  do {
    const lines = Array.from({ length: 5 }, (_, index) => liveLine(sent + index));
    const answer = await (await server.send("trades", lines.join("\n"))).json();
    expect(answer).toMatchObject({ accepted: 5, late: 0 });
    sent += 5;
  } while (!signal.aborted);
  return sent;
}

const WATERMARK = '(SELECT max("at") - INTERVAL 2 HOUR FROM trades)';
const QUERIES = [
  [
    "SELECT window_start AS start, symbol, trades, quantity FROM hours ORDER BY start, symbol",
    `SELECT start, symbol, trades, total AS quantity
       FROM (SELECT date_trunc('hour', "at") AS start, symbol, count(*) AS trades, sum(quantity) AS total
               FROM trades GROUP BY 1, 2) AS g
      WHERE start + INTERVAL 1 HOUR <= ${WATERMARK} ORDER BY start, symbol`,
  ],
  [
    "SELECT window_start AS start, trades FROM days ORDER BY start",
    `SELECT start, trades
       FROM (SELECT date_trunc('day', "at") AS start, count(*) AS trades FROM trades GROUP BY 1) AS g
      WHERE start + INTERVAL 24 HOUR <= ${WATERMARK} ORDER BY start`,
  ],
  [
    "SELECT window_start AS start, trades, quantity FROM slides ORDER BY start",
    `SELECT start, trades, total AS quantity
       FROM (SELECT start, count(*) AS trades, sum(quantity) AS total
               FROM (SELECT time_bucket(INTERVAL 6 HOUR, "at") - to_hours(6 * unnest(range(4))) AS start,
                            quantity FROM trades) AS e GROUP BY 1) AS g
      WHERE start + INTERVAL 24 HOUR <= ${WATERMARK} ORDER BY start`,
  ],
  [
    `SELECT window_start AS start, window_end AS ends, symbol, trades, quantity
       FROM visits ORDER BY start, symbol`,
    `SELECT start, ends, symbol, trades, total AS quantity
       FROM (SELECT min("at") AS start, max("at") + INTERVAL 3 HOUR AS ends, symbol, visit,
                    count(*) AS trades, sum(quantity) AS total
               FROM (SELECT *, sum(is_new) OVER (PARTITION BY symbol ORDER BY "at") AS visit
                       FROM (SELECT *, CASE WHEN "at" - lag("at") OVER (PARTITION BY symbol ORDER BY "at")
                                                 < INTERVAL 3 HOUR THEN 0 ELSE 1 END AS is_new
                               FROM trades) AS m) AS v
              GROUP BY symbol, visit) AS g
      WHERE ends <= ${WATERMARK} ORDER BY start, symbol`,
  ],
] as const;

it("gives exactly the windows of one query over all rows, and so does a restart", async () => {
  await using directory = await projectDirectory();
  const options = { directory: directory.path, project };
  await writeFile(join(directory.path, "a.csv"), history("A", 7));
  await writeFile(join(directory.path, "b.csv"), history("B", 11));
  const before = await startServer(options);
  const stopping = new AbortController();
  await liveRows(before, AbortSignal.abort());
  const live = liveRows(before, stopping.signal, 5);
  const replay = ["ingest", "trades", "a.csv", "b.csv", "--replay", "--body-size", "32KiB"];
  const broken = before.kurobe(...replay, "--retry-for", "1s");
  const old = "SELECT count(*) AS n FROM trades WHERE \"at\" < '2026-01-01'";
  await expect
    .poll(async () => Number((await before.sql(old))[0]?.["n"]), { timeout: 60_000 })
    .toBeGreaterThan(9_000);
  // It comes back at another port, and the same command goes on.
  process.kill(before.enginePid(), "SIGKILL");
  stopping.abort();
  await live.catch(() => undefined);
  await expect.poll(() => before.readyCount(), { timeout: 60_000 }).toBe(2);
  expect(await broken).toMatchObject({ code: 2 });
  const [sent] = await before.sql(`SELECT count(*) AS n FROM trades WHERE "at" >= '2026-01-01'`);
  const going = new AbortController();
  const rest = liveRows(before, going.signal, Number(sent?.["n"]));
  const sentAll = await before.kurobe(...replay);
  expect(sentAll).toMatchObject({ code: 0 });
  expect(sentAll.json).toMatchObject({ rejected: 0, replay: { state: "done", waiting: null } });
  // A second time it changes nothing.
  const again = await before.kurobe(...replay);
  going.abort();
  await rest;
  const { bodies } = sentAll.json as { readonly bodies: number };
  expect(again.json).toMatchObject({ replayedBodies: bodies, replay: { state: "done", rows: 0 } });
  const ended = await before.kurobe("replay", "ls");
  expect(ended.json).toMatchObject({
    replays: [{ name: "a.csv", dataset: "trades", state: "done" }],
  });
  for (const [results, query] of QUERIES) {
    expect(await before.sql(results)).toEqual(await before.sql(query));
  }
  const late = "SELECT count(*) AS n FROM trades.late_rows WHERE NOT _replayed";
  expect(await before.sql(late)).toEqual([{ n: 0 }]);
  const all = await Promise.all(QUERIES.map(([results]) => before.sql(results)));
  expect(await before.stop("SIGTERM")).toBe(0);
  await using server = await startServer(options);
  expect(await Promise.all(QUERIES.map(([results]) => server.sql(results)))).toEqual(all);
}, 240_000);
