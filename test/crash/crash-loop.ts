/**
 * Kills the real engine with SIGKILL again and again, while clients send, retry and never give up,
 * and then counts: every acknowledged row is there, none twice, and windows equal one query over
 * all rows.
 */
import { type RunningServer } from "../support/running-server.ts";
import { type Random } from "../simulation/random.ts";

export const CRASH_PROJECT = `
import { column, count, dataset, defineProject, first, last, max, min, sum, tumbling } from "kurobe";

const columns = {
  at: column.timestamp(),
  client: column.text(),
  id: column.int64(),
  amount: column.int64(),
};

export default defineProject({
  name: "crash",
  datasets: {
    events: dataset({ columns, eventTime: "at", watermark: { outOfOrderness: "2s" } }),
  },
  windows: {
    per_minute: tumbling({
      from: "events",
      size: "1m",
      by: ["client"],
      measure: {
        n: count(),
        amount: sum("amount"),
        low: min("id"),
        high: max("id"),
        open: first("id"),
        close: last("id"),
      },
      allowedLateness: "3650d",
    }),
  },
});
`;

export interface CrashReport {
  readonly rounds: number;
  readonly batches: number;
  readonly rows: number;
  readonly retried: number;
  /** Answers that said that the work had been done before. */
  readonly replayed: number;
  readonly lost: number;
  readonly doubled: number;
  /** Window results that differ from one query over all rows. */
  readonly wrongWindows: number;
  readonly windows: number;
  /** From the kill until the server answers again, in milliseconds. */
  readonly medianRecoveryMs: number;
}

export interface CrashOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly random: Random;
  readonly onRound?: (round: number, rows: number) => void;
  /** Right after each kill, before the next process is there. */
  readonly onKill?: () => void;
}

const START_MS = Date.UTC(2026, 0, 1);
const ROWS_A_BATCH = 50;
/**
 * Between two kills: long enough for checkpoints and merges to be hit, short enough for many
 * rounds.
 */
const MIN_RUN_MS = 100;
const MAX_RUN_MS = 900;

class Client {
  readonly #name: string;
  readonly #server: RunningServer;
  readonly #random: Random;
  acknowledged = 0;
  retried = 0;
  replayed = 0;
  isStopping = false;

  constructor(name: string, server: RunningServer, random: Random) {
    this.#name = name;
    this.#server = server;
    this.#random = random;
  }

  async run(): Promise<void> {
    for (let batch = 0; !this.isStopping; batch++) {
      await this.#deliver(batch);
      this.acknowledged += ROWS_A_BATCH;
    }
  }

  /** Until it is acknowledged, whatever happens in between. */
  async #deliver(batch: number): Promise<void> {
    const body = this.#body(batch);
    const headers = { "idempotency-key": `${this.#name}-${batch}` };
    for (let tries = 0; ; tries++) {
      const answer = await this.#try(body, headers);
      if (answer !== undefined) {
        if (answer.accepted !== ROWS_A_BATCH)
          throw new Error(`odd answer: ${JSON.stringify(answer)}`);
        if (answer.replayed) this.replayed++;
        return;
      }
      this.retried++;
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }

  async #try(
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ accepted: number; replayed: boolean } | undefined> {
    try {
      const response = await this.#server.send("events", body, { headers });
      if (response.status === 429 || response.status >= 500) return undefined;
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      return (await response.json()) as { accepted: number; replayed: boolean };
    } catch (error) {
      // A closed socket is what a killed server looks like.
      if (error instanceof TypeError || (error as { name?: string }).name === "AbortError")
        return undefined;
      throw error;
    }
  }

  #body(batch: number): string {
    const lines: string[] = [];
    for (let row = 0; row < ROWS_A_BATCH; row++) {
      const id = batch * ROWS_A_BATCH + row;
      // Half a second a row; some come up to five minutes late.
      const lateMs = this.#random.chance(0.05) ? this.#random.below(300_000) : 0;
      const at = new Date(START_MS + id * 500 - lateMs).toISOString();
      lines.push(JSON.stringify({ at, client: this.#name, id, amount: id % 97 }));
    }
    return lines.join("\n");
  }
}

export async function runCrashLoop(
  server: RunningServer,
  options: CrashOptions,
): Promise<CrashReport> {
  const { rounds, random } = options;
  const clients = Array.from(
    { length: options.clients },
    (_, index) => new Client(`c${index}`, server, random),
  );
  const running = Promise.all(clients.map((client) => client.run()));
  running.catch(() => undefined);
  const recoveries: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await sleep(MIN_RUN_MS + random.below(MAX_RUN_MS - MIN_RUN_MS));
    if (random.chance(0.4))
      void server.fetch("/v1/checkpoints", { method: "POST" }).catch(() => undefined);
    await sleep(random.below(80));
    const killedMs = performance.now();
    const seen = server.readyCount();
    process.kill(server.enginePid(), "SIGKILL");
    options.onKill?.();
    while (server.readyCount() === seen) await sleep(10);
    await server.ready();
    recoveries.push(performance.now() - killedMs);
    options.onRound?.(
      round,
      clients.reduce((sum, client) => sum + client.acknowledged, 0),
    );
  }
  for (const client of clients) client.isStopping = true;
  await running;
  return { ...(await count(server, clients)), rounds, medianRecoveryMs: median(recoveries) };
}

type Counted = Omit<CrashReport, "rounds" | "medianRecoveryMs">;

async function count(server: RunningServer, clients: readonly Client[]): Promise<Counted> {
  const acknowledged = clients.reduce((sum, client) => sum + client.acknowledged, 0);
  const [stored] = await server.sql(
    "SELECT count(*) AS n, count(DISTINCT (client, id)) AS different FROM events",
  );
  const [closed] = await server.sql(
    "SELECT max(window_end) AS upto, count(*) AS n FROM per_minute",
  );
  const [wrong] = await server.sql(`
    WITH expected AS (
      SELECT date_trunc('minute', "at") AS window_start, client, count(*) AS n, sum(amount) AS amount,
             min(id) AS low, max(id) AS high
        FROM events
       WHERE date_trunc('minute', "at") < (SELECT max(window_end) FROM per_minute)
       GROUP BY 1, 2)
    SELECT count(*) AS n
      FROM expected AS e
      FULL JOIN per_minute AS p ON p.window_start = e.window_start AND p.client = e.client
     WHERE p.n IS DISTINCT FROM e.n OR p.amount IS DISTINCT FROM e.amount
        OR p.low IS DISTINCT FROM e.low OR p.high IS DISTINCT FROM e.high`);
  const rows = Number(stored?.["n"]);
  return {
    batches: acknowledged / ROWS_A_BATCH,
    rows: acknowledged,
    retried: clients.reduce((sum, client) => sum + client.retried, 0),
    replayed: clients.reduce((sum, client) => sum + client.replayed, 0),
    lost: acknowledged - Number(stored?.["different"]),
    doubled: rows - Number(stored?.["different"]),
    wrongWindows: Number(wrong?.["n"]),
    windows: Number(closed?.["n"]),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function sleep(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}
