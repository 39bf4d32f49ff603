/**
 * Synthetic trades as request bodies on disk: 4 columns, about 80 bytes a row of NDJSON, the same
 * rows for the same options. No two rows share their time, so (symbol, ts) is unique.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";

export type TickFormat = "ndjson" | "csv" | "parquet";

export interface TickOptions {
  readonly bodies: number;
  readonly bodyRows: number;
  readonly symbols: number;
  /** Event time from one row to the next, on average. */
  readonly everyUs: number;
  /** This share of the rows is half an hour older than its neighbours. */
  readonly lateShare: number;
}

/** One million rows an hour: 500 symbols at about one trade in two seconds each. */
export const TICKS: TickOptions = {
  bodies: 20,
  bodyRows: 50_000,
  symbols: 500,
  everyUs: 3_600,
  lateShare: 0,
};

export const TICKS_START = "2025-01-06T00:00:00Z";
const LATE_US = 1_800_000_000;

export interface Bodies {
  readonly format: TickFormat;
  readonly files: readonly string[];
  readonly rows: number;
  readonly bytes: number;
}

const EXTENSIONS = { ndjson: "ndjson", csv: "csv", parquet: "parquet" } as const;

/** Makes the bodies unless an earlier run has left them. */
export async function tickBodies(
  directory: string,
  format: TickFormat,
  changed: Partial<TickOptions> = {},
): Promise<Bodies> {
  const options = { ...TICKS, ...changed };
  const { bodies, bodyRows, symbols, everyUs, lateShare } = options;
  const home = join(
    directory,
    `${format}-${bodies}x${bodyRows}-${symbols}-${everyUs}-${lateShare}`,
  );
  if (!existsSync(home)) {
    // Under another name until it is whole: a run that was stopped half-way leaves nothing.
    const draft = `${home}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    await writeBodies(draft, format, options);
    renameSync(draft, home);
  }
  const files = Array.from({ length: bodies }, (_, index) => join(home, nameOf(index, format)));
  const bytes = files.reduce((total, file) => total + statSync(file).size, 0);
  return { format, files, rows: bodies * bodyRows, bytes };
}

function nameOf(index: number, format: TickFormat): string {
  return `${String(index).padStart(4, "0")}.${EXTENSIONS[format]}`;
}

async function writeBodies(
  directory: string,
  format: TickFormat,
  options: TickOptions,
): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    for (let index = 0; index < options.bodies; index++) {
      await writeBody(connection, join(directory, nameOf(index, format)), index, format, options);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function writeBody(
  connection: DuckDBConnection,
  path: string,
  index: number,
  format: TickFormat,
  options: TickOptions,
): Promise<void> {
  const first = index * options.bodyRows;
  const rows = ticksSql(first, first + options.bodyRows, options);
  const time = format === "parquet" ? "ts" : "strftime(ts, '%Y-%m-%dT%H:%M:%S.%fZ') AS ts";
  const how = {
    ndjson: "FORMAT json",
    csv: "FORMAT csv, HEADER",
    parquet: "FORMAT parquet",
  }[format];
  const select = `SELECT ${time}, symbol, price, qty FROM (${rows}) ORDER BY i`;
  await connection.run(`COPY (${select}) TO '${path.replaceAll("'", "''")}' (${how})`);
}

/** Rows `from` to `to` (exclusive) as ts, symbol, price, qty, and their number i. */
function ticksSql(from: number, to: number, options: TickOptions): string {
  const { symbols, everyUs, lateShare } = options;
  const late = `CASE WHEN hash(i, 'late') % 10000 < ${Math.round(lateShare * 10_000)} THEN ${LATE_US} ELSE 0 END`;
  return `
    SELECT i,
      make_timestamp(epoch_us(TIMESTAMP '${TICKS_START.slice(0, 19).replace("T", " ")}')
        + CAST(i * ${everyUs} + hash(i, 'time') % ${everyUs} - ${late} AS BIGINT)) AS ts,
      format('SYM{:05d}', s) AS symbol,
      round(20 + hash(s, 'price') % 400 + 3 * sin(i / 200000.0 + s)
        + (hash(i, 'price') % 50) / 100, 2) AS price,
      CAST(1 + hash(i, 'qty') % 500 AS BIGINT) AS qty
    FROM (SELECT range AS i, CAST(hash(range, 'symbol') % ${symbols} AS BIGINT) AS s
          FROM range(${from}, ${to}))`;
}
