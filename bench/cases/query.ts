/**
 * Estimate. The engine that answers is the same DuckDB on the same files, so what Kurobe may add is
 * fixed: authorising the text (a parse in another instance, 1 ms), a transaction, HTTP and JSON, in
 * all 2 to 3 ms; and the union of chunks and memory tables, which costs nothing where a filter on
 * time leaves the memory out. A query of 20 ms and more should stay within 1.2 times of bare
 * DuckDB.
 */
import { type BenchCase, type Context, type Figure } from "../case.ts";
import { startChild } from "../child.ts";
import { figure, interleave, quantile, ratioGoal, series } from "../figure.ts";
import { KurobeServer } from "../kurobe-server.ts";
import { sendBodies } from "../load/load.ts";
import { type DuckdbQueried } from "../peers/duckdb-query.ts";
import { tickBodies } from "../ticks.ts";

const DAYS = 30;

interface Question {
  readonly what: string;
  readonly sql: string;
}

const DAY = "ts >= TIMESTAMP '2025-01-20 00:00:00' AND ts < TIMESTAMP '2025-01-21 00:00:00'";

const QUESTIONS: readonly Question[] = [
  {
    what: "5-minute OHLC of a full day, all symbols",
    sql: `SELECT count(*) AS bars, sum(high - low) AS ranges, sum(volume) AS volume FROM (
      SELECT time_bucket(INTERVAL '5 minutes', ts) AS bar, symbol, arg_min(price, ts) AS open,
        max(price) AS high, min(price) AS low, arg_max(price, ts) AS close, sum(qty) AS volume
      FROM ticks WHERE ${DAY} GROUP BY ALL)`,
  },
  {
    what: "one symbol, one day, row by row",
    sql: `SELECT ts, price, qty FROM ticks WHERE symbol = 'SYM00042' AND ${DAY} ORDER BY ts`,
  },
  {
    what: "30-day sum per symbol",
    sql: "SELECT symbol, sum(qty) AS volume, sum(price * qty) AS turnover FROM ticks GROUP BY symbol ORDER BY symbol",
  },
];

const POINT: Question = {
  what: "point query",
  sql: `SELECT ts, price FROM ticks WHERE symbol = 'SYM00042' AND ${DAY} ORDER BY ts DESC LIMIT 1`,
};

export const query: BenchCase = {
  name: "query",
  title: "Queries over HTTP",
  estimate:
    "The same DuckDB reads the same files; Kurobe adds 2–3 ms for authorising, a transaction, HTTP and JSON. " +
    "Point queries: 5 ms or so.",
  method:
    "10,000,000 rows of 30 days, 500 symbols, all in chunks after a checkpoint. Kurobe: POST /v1/sql as " +
    "JSON from another process until the last byte. DuckDB: the same text over the same Parquet files in a " +
    "process of its own, rows read as JavaScript values. First run of each left out.",
  run: runQuery,
};

async function runQuery(context: Context): Promise<readonly Figure[]> {
  const data = context.workspace.directory("query");
  const settings = { KUROBE_CHECKPOINT_EVERY: "10s" };
  await using server = await KurobeServer.start({ project: "ticks-plain", data, settings });
  await load(context, server);
  const figures: Figure[] = [];
  for (const question of QUESTIONS) figures.push(await compare(context, server, data, question));
  figures.push(await firstRow(context, server, data));
  return figures;
}

async function load(context: Context, server: KurobeServer): Promise<void> {
  const rows = context.settings.isQuick ? 1_000_000 : 10_000_000;
  const bodyRows = 50_000;
  context.progress(`loading ${rows} rows of ${DAYS} days`);
  const bodies = await tickBodies(context.workspace.bodies, "parquet", {
    bodies: rows / bodyRows,
    bodyRows,
    everyUs: (DAYS * 86_400_000_000) / rows,
  });
  await sendBodies(server, bodies);
  await server.checkpoint();
  // Merging is in the background; queries should meet the files that stay.
  await untilChunksRest(server);
}

/** Until the number of chunks has not changed for a while. */
export async function untilChunksRest(server: KurobeServer): Promise<void> {
  let before = -1;
  for (let attempt = 0; attempt < 30; attempt++) {
    const chunks = (await server.status()).datasets.reduce(
      (total, dataset) => total + dataset.chunks,
      0,
    );
    if (chunks === before) return;
    before = chunks;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}

async function compare(
  context: Context,
  server: KurobeServer,
  data: string,
  { what, sql }: Question,
): Promise<Figure> {
  const repeat = context.settings.isQuick ? 2 : 5;
  await ask(server, sql);
  const results = await interleave(
    [
      { name: "kurobe", run: async () => quantile(await askOften(server, sql, repeat), 0.5) },
      { name: "duckdb", run: async () => quantile(await bare(data, sql, repeat), 0.5) },
    ],
    context.settings.rounds,
    (text) => context.progress(`${what}, ${text}`),
  );
  const kurobe = series("Kurobe", results.get("kurobe") ?? []);
  const duckdb = series("bare DuckDB", results.get("duckdb") ?? []);
  const goals = [ratioGoal(kurobe, duckdb, { atMost: 1.2 })];
  return figure(what, "ms", kurobe, { beside: [duckdb], goals });
}

async function firstRow(context: Context, server: KurobeServer, data: string): Promise<Figure> {
  const times = context.settings.isQuick ? 50 : 200;
  const rounds = await interleave(
    [
      { name: "kurobe", run: () => askOften(server, POINT.sql, times) },
      { name: "duckdb", run: () => bare(data, POINT.sql, times) },
    ],
    context.settings.rounds,
    (text) => context.progress(`point query, ${text}`),
  );
  const p = (name: string, share: number): readonly number[] =>
    (rounds.get(name) ?? []).map((latencies) => quantile(latencies, share));
  return figure("point query, first row, p99", "ms", series("Kurobe", p("kurobe", 0.99)), {
    beside: [
      series("its median", p("kurobe", 0.5)),
      series("bare DuckDB p99", p("duckdb", 0.99)),
      series("bare DuckDB median", p("duckdb", 0.5)),
    ],
  });
}

async function askOften(
  server: KurobeServer,
  sql: string,
  times: number,
): Promise<readonly number[]> {
  const elapsedMs: number[] = [];
  for (let time = 0; time < times; time++) elapsedMs.push(await ask(server, sql));
  return elapsedMs;
}

async function ask(server: KurobeServer, sql: string): Promise<number> {
  const startedMs = performance.now();
  const response = await fetch(`${server.url}/v1/sql`, {
    method: "POST",
    headers: server.headers(),
    body: JSON.stringify({ sql }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text.slice(0, 500));
  return performance.now() - startedMs;
}

async function bare(data: string, sql: string, times: number): Promise<readonly number[]> {
  const statements = Array.from({ length: times }, () => sql);
  const files = `${data}/chunks/ticks/**/*.parquet`;
  using child = await startChild<DuckdbQueried>("peers/duckdb-query.ts", { files, statements });
  return await child.go();
}
