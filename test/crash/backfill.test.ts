import { expect, test } from "vitest";
import { projectDirectory, type RunningServer, startServer } from "../support/running-server.ts";

const KILLS = 4;
const PROJECT = `
import { column, count, dataset, defineProject, hopping, max, sum, tumbling } from "kurobe";

const columns = { at: column.timestamp(), id: column.int64(), amount: column.int64() };
const measure = { n: count(), amount: sum("amount"), high: max("id") };

export default defineProject({
  name: "crash",
  datasets: { events: dataset({ columns, eventTime: "at", watermark: { outOfOrderness: "0s" } }) },
  windows: {
    slides: hopping({ from: "events", size: "200s", every: "1s", measure }),
    minutes: tumbling({ from: "slides", size: "1m", measure: { n: sum("n"), parts: count() } }),
  },
});
`;
const START_MS = Date.UTC(2026, 0, 1);
const SECONDS = 10_000;

interface Backfill {
  readonly state: string;
  readonly from: string;
  readonly to: string;
  readonly next: string;
  readonly corrected: number;
}

async function backfillOf(server: RunningServer): Promise<Backfill> {
  const response = await server.fetch("/v1/backfills");
  const { backfills } = (await response.json()) as { readonly backfills: readonly Backfill[] };
  const [found] = backfills;
  if (found === undefined) throw new Error("no backfill was begun");
  return found;
}

function lines(fromId: number, seconds: readonly number[]): string {
  const rows = seconds.map((second, index) => {
    const id = fromId + index;
    return { at: new Date(START_MS + second * 1000).toISOString(), id, amount: id % 97 };
  });
  return rows.map((row) => JSON.stringify(row)).join("\n");
}

/** Of all windows that are over, those that are not what one query over all rows gives. */
const WRONG = `
  WITH expected AS (
    SELECT window_start, count(*) AS n, sum(amount) AS amount, max(id) AS high
      FROM (SELECT date_trunc('second', "at") - to_seconds(unnest(range(200))) AS window_start,
                   amount, id FROM events)
     WHERE window_start <= (SELECT max(window_start) FROM slides)
     GROUP BY ALL)
  SELECT count(*) AS windows, count(*) FILTER (
           s.n IS DISTINCT FROM e.n OR s.amount IS DISTINCT FROM e.amount
           OR s.high IS DISTINCT FROM e.high) AS wrong
    FROM expected AS e FULL JOIN slides AS s ON s.window_start = e.window_start`;
const WRONG_MINUTES = `
  WITH expected AS (
    SELECT date_trunc('minute', window_start) AS minute, sum(n) AS n, count(*) AS parts
      FROM slides GROUP BY ALL)
  SELECT count(*) AS windows, count(*) FILTER (
           m.n IS DISTINCT FROM e.n OR m.parts IS DISTINCT FROM e.parts) AS wrong
    FROM expected AS e FULL JOIN minutes AS m ON m.window_start = e.minute
   WHERE m.window_start IS NOT NULL OR e.minute < (SELECT max(window_start) FROM minutes)`;

/** Sends rows on time until it is told to stop; each is acknowledged before the next one. */
class LiveClient {
  readonly #server: RunningServer;
  isStopping = false;
  rows = 0;

  constructor(server: RunningServer) {
    this.#server = server;
  }

  async run(): Promise<void> {
    while (!this.isStopping) {
      const body = lines(1_000_000 + this.rows, [SECONDS + this.rows / 4]);
      const headers = { "idempotency-key": `live-${this.rows}` };
      const response = await this.#server.send("events", body, { headers }).catch(() => undefined);
      if (response?.ok === true) this.rows++;
      else await new Promise((wake) => setTimeout(wake, 20));
    }
  }
}

/** Once more of it is done than before, the process is killed. */
async function killInTheMiddle(server: RunningServer, before: Backfill): Promise<void> {
  let reached = before;
  while (reached.state === "running" && reached.next === before.next) {
    reached = await backfillOf(server);
  }
  expect(reached, "it is over before it was killed").toMatchObject({ state: "running" });
  const seen = server.readyCount();
  process.kill(server.enginePid(), "SIGKILL");
  while (server.readyCount() === seen) await new Promise((wake) => setTimeout(wake, 10));
  await server.ready();
  const after = await backfillOf(server);
  // What was told to be done is done.
  expect(after.next <= reached.next).toBe(true);
}

test(`a backfill that is killed ${KILLS} times goes on each time and comes to the right results`, async () => {
  await using directory = await projectDirectory();
  await using server = await startServer({ directory: directory.path, project: PROJECT });
  const inOrder = Array.from({ length: 2 * SECONDS }, (_, index) => index / 2);
  const late = Array.from({ length: 100 }, (_, index) => (index * 97) % SECONDS);
  for (const body of [lines(0, inOrder), lines(inOrder.length, late)]) {
    expect((await server.send("events", body)).status).toBe(200);
  }
  await server.fetch("/v1/checkpoints", { method: "POST" });
  const client = new LiveClient(server);
  const sending = client.run();
  const begun = await server.fetch("/v1/windows/slides/backfill", { method: "POST" });
  await begun.body?.cancel();
  for (let kill = 1; kill <= KILLS; kill++) {
    const before = await backfillOf(server);
    if (kill % 2 === 0) {
      void server.fetch("/v1/checkpoints", { method: "POST" }).catch(() => undefined);
    }
    await killInTheMiddle(server, before);
  }
  const { code, json } = await server.kurobe("backfill", "slides");
  expect({ code, json }).toMatchObject({ code: 0, json: { state: "done" } });
  expect((json as Backfill).corrected).toBeGreaterThan(SECONDS / 2);
  client.isStopping = true;
  await sending;
  const [stored] = await server.sql("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM events");
  const rows = inOrder.length + late.length + client.rows;
  expect(stored).toEqual({ n: rows, ids: rows });
  for (const [query, least] of [
    [WRONG, SECONDS],
    [WRONG_MINUTES, SECONDS / 60],
  ] as const) {
    const [found] = await server.sql(query);
    expect(found).toMatchObject({ wrong: 0 });
    expect(Number(found?.["windows"])).toBeGreaterThan(least);
  }
  const waiting = "SELECT count(*) AS n FROM events.late_rows WHERE NOT _replayed";
  expect(await server.sql(waiting)).toEqual([{ n: 0 }]);
}, 300_000);
