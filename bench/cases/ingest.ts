/**
 * Estimate. A row is 81 bytes of NDJSON. Loopback moves more than 1 GB/s, the disk writes and syncs
 * a 4 MB body in about 10 ms (12 M rows/s), CRC32C runs at several GB/s: none of them is the limit.
 * DuckDB's reader parses 2 to 3 M rows/s on two cores and is the whole budget: checks, the log,
 * windows and HTTP may together cost as much again, which is the goal of one half. PostgreSQL
 * writes each row to the heap, to an index and to its own log on one core: 0.1 to 0.3 M rows/s.
 */
import { type BenchCase, type Context, type Figure, type Series } from "../case.ts";
import { startChild } from "../child.ts";
import { figure, interleave, ratioGoal, series, type Contender } from "../figure.ts";
import { KurobeServer, type BenchProject } from "../kurobe-server.ts";
import { rowsPerSecond, sendBodies } from "../load/load.ts";
import { type DuckdbIngested } from "../peers/duckdb-ingest.ts";
import { startPostgres, type Postgres } from "../peers/postgres.ts";
import { tickBodies, type Bodies, type TickFormat } from "../ticks.ts";

interface Variant {
  readonly what: string;
  readonly project: BenchProject;
  readonly format: TickFormat;
  readonly symbols: number;
}

const VARIANTS: readonly Variant[] = [
  { what: "NDJSON", project: "ticks", format: "ndjson", symbols: 500 },
  { what: "NDJSON, 10,000 symbols", project: "ticks", format: "ndjson", symbols: 10_000 },
  { what: "NDJSON, dataset with key", project: "ticks-keyed", format: "ndjson", symbols: 500 },
  { what: "CSV", project: "ticks", format: "csv", symbols: 500 },
  { what: "Parquet", project: "ticks", format: "parquet", symbols: 500 },
];

export const ingest: BenchCase = {
  name: "ingest",
  title: "Durable ingest over HTTP",
  estimate:
    "DuckDB's reader (2–3 M rows/s of 81 bytes on two cores) is the budget; HTTP, CRC, log and disk " +
    "each allow 10 M rows/s and more. Half of the reader's speed leaves as much for all the rest.",
  method:
    "1,000,000 rows of 4 columns in 20 bodies of 50,000, four producers in one other process; " +
    "acknowledged when synced to disk, applied and visible; a 5-minute OHLC window per symbol is on. Every " +
    "round starts a new server on an empty directory. DuckDB: INSERT … SELECT FROM its reader into an " +
    "in-memory table, from the page cache. PostgreSQL: COPY of the same rows as CSV, read by the server " +
    "itself, one transaction a body, primary key (symbol, ts), its default settings.",
  run: runIngest,
};

async function runIngest(context: Context): Promise<readonly Figure[]> {
  await using postgres = await startPostgres();
  if (postgres === null) context.progress("no PostgreSQL here: see scripts/install-postgres.sh");
  const figures: Figure[] = [];
  for (const variant of VARIANTS) figures.push(await measure(context, variant, postgres));
  return figures;
}

async function measure(
  context: Context,
  variant: Variant,
  postgres: Postgres | null,
): Promise<Figure> {
  const { settings, workspace } = context;
  const size = { symbols: variant.symbols, bodies: settings.isQuick ? 4 : 20 };
  const bodies = await tickBodies(workspace.bodies, variant.format, size);
  const csv = await tickBodies(workspace.bodies, "csv", size);
  const contenders: Contender<number>[] = [
    { name: "kurobe", run: () => kurobeRate(context, variant.project, bodies) },
    { name: "duckdb", run: () => duckdbRate(bodies) },
  ];
  if (postgres !== null) {
    contenders.push({
      name: "postgres",
      run: async () => rowsPerSecond(csv.rows, await postgres.copyCsv(csv.files)),
    });
  }
  const say = (text: string): void => context.progress(`${variant.what}, ${text}`);
  const rates = await interleave(contenders, settings.rounds, say);
  const kurobe = series("Kurobe", rates.get("kurobe") ?? []);
  const duckdb = series(`DuckDB ${reader(variant.format)}`, rates.get("duckdb") ?? []);
  const beside: Series[] = [duckdb];
  const goals = [ratioGoal(kurobe, duckdb, { atLeast: 0.5 })];
  if (postgres !== null) {
    const copied = series(`PostgreSQL ${postgres.version} COPY`, rates.get("postgres") ?? []);
    beside.push(copied);
    goals.push(ratioGoal(kurobe, copied, { atLeast: 3 }));
  }
  return figure(variant.what, "rows/s", kurobe, { beside, goals });
}

async function kurobeRate(
  context: Context,
  project: BenchProject,
  bodies: Bodies,
): Promise<number> {
  const data = context.workspace.directory("ingest");
  await using server = await KurobeServer.start({ project, data });
  const sent = await sendBodies(server, bodies);
  return rowsPerSecond(bodies.rows, sent.elapsedMs);
}

async function duckdbRate({ format, files, rows }: Bodies): Promise<number> {
  using child = await startChild<DuckdbIngested>("peers/duckdb-ingest.ts", { format, files });
  const done = await child.go();
  if (done.rows !== rows) throw new Error(`DuckDB has ${done.rows} of ${rows} rows`);
  return rowsPerSecond(rows, done.elapsedMs);
}

function reader(format: TickFormat): string {
  return { ndjson: "read_json", csv: "read_csv", parquet: "read_parquet" }[format];
}
