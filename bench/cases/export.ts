/**
 * Estimate. A million rows are 80 MB of NDJSON. DuckDB itself writes CSV at 3 to 5 M rows/s and
 * JSON at 2 M rows/s on two cores, loopback takes 1 GB/s: half a second where DuckDB makes the
 * text. A row that becomes a JavaScript object on the way costs about a microsecond and a half: 1.5
 * s and more.
 */
import { join } from "node:path";
import { type BenchCase, type Context, type Figure } from "../case.ts";
import { startChild } from "../child.ts";
import { figure, interleave, series } from "../figure.ts";
import { KurobeServer } from "../kurobe-server.ts";
import { sendBodies } from "../load/load.ts";
import { type DuckdbCopied } from "../peers/duckdb-copy.ts";
import { tickBodies } from "../ticks.ts";

interface Format {
  readonly what: string;
  readonly accept: string;
  /** How DuckDB's own COPY writes it; null: it does not. */
  readonly copy: string | null;
}

const FORMATS: readonly Format[] = [
  { what: "CSV", accept: "text/csv", copy: "FORMAT csv, HEADER" },
  { what: "NDJSON", accept: "application/x-ndjson", copy: "FORMAT json" },
  { what: "JSON", accept: "application/json", copy: "FORMAT json, ARRAY true" },
  { what: "Arrow", accept: "application/vnd.apache.arrow.stream", copy: null },
  { what: "Parquet", accept: "application/vnd.apache.parquet", copy: "FORMAT parquet" },
];

export const exporting: BenchCase = {
  name: "export",
  title: "1,000,000 rows streamed out over HTTP",
  estimate:
    "DuckDB writes CSV at 3–5 M rows/s and JSON at about 2 M rows/s; loopback carries 1 GB/s. Half a second " +
    "where DuckDB makes the text, two where JavaScript does.",
  method:
    "SELECT of all four columns of 1,000,000 rows, read to the last byte by another process and thrown " +
    "away. DuckDB: COPY of the same rows out of the same Parquet files to a file in the page cache.",
  run: runExport,
};

async function runExport(context: Context): Promise<readonly Figure[]> {
  const { settings, workspace } = context;
  const data = workspace.directory("export");
  const limits = { KUROBE_QUERY_ROWS: "2000000", KUROBE_QUERY_TIMEOUT: "2m" };
  await using server = await KurobeServer.start({ project: "ticks-plain", data, settings: limits });
  const bodies = await tickBodies(workspace.bodies, "ndjson", {
    bodies: settings.isQuick ? 4 : 20,
  });
  await sendBodies(server, bodies);
  await server.checkpoint();
  const figures: Figure[] = [];
  for (const format of FORMATS) {
    const contenders = [
      { name: "kurobe", run: () => download(server, format.accept, bodies.rows) },
    ];
    if (format.copy !== null) {
      const copy = format.copy;
      contenders.push({ name: "duckdb", run: () => copyBare(context, data, copy, bodies.rows) });
    }
    const results = await interleave(contenders, settings.rounds, (text) =>
      context.progress(`${format.what}, ${text}`),
    );
    const beside = format.copy === null ? [] : [series("DuckDB COPY", results.get("duckdb") ?? [])];
    figures.push(
      figure(format.what, "rows/s", series("Kurobe", results.get("kurobe") ?? []), { beside }),
    );
  }
  return figures;
}

async function download(server: KurobeServer, accept: string, rows: number): Promise<number> {
  const startedMs = performance.now();
  const response = await fetch(`${server.url}/v1/sql`, {
    method: "POST",
    headers: server.headers(accept),
    body: JSON.stringify({ sql: "SELECT ts, symbol, price, qty FROM ticks" }),
  });
  if (!response.ok || response.body === null)
    throw new Error((await response.text()).slice(0, 500));
  let bytes = 0;
  for await (const chunk of response.body) bytes += (chunk as Uint8Array).length;
  // Every format needs more than five bytes for a row: less means that rows are missing.
  if (bytes < rows * 5) throw new Error(`${accept}: only ${bytes} bytes for ${rows} rows`);
  return (rows * 1000) / (performance.now() - startedMs);
}

async function copyBare(
  context: Context,
  data: string,
  how: string,
  rows: number,
): Promise<number> {
  const to = join(context.workspace.directory("copy"), "rows");
  const files = `${data}/chunks/ticks/**/*.parquet`;
  using child = await startChild<DuckdbCopied>("peers/duckdb-copy.ts", { files, how, to });
  return (rows * 1000) / (await child.go());
}
