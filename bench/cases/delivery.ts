/**
 * Estimate. An alert: the row that closes a window is acknowledged together with the result, so
 * what is left is reading the new row (a query of about 1 ms, twice), signing, and one request on
 * loopback: 3 to 5 ms. Delivery: reading 1,000 rows of memory tables takes a few milliseconds, so
 * the receiver and the building of its requests are the limit: some 4,000 requests/s for
 * node:http beside the engine, tens of thousands of rows/s where a request carries many.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { startClickHouse } from "../../test/support/clickhouse-server.ts";
import { openInflux } from "../../test/support/influx-server.ts";
import { startPostgresServer } from "../../test/support/postgres-server.ts";
import { startServer } from "../../test/support/resp-servers.ts";
import { openSearchServer } from "../../test/support/search-server.ts";
import { type BenchCase, type Context, type Figure, type Series } from "../case.ts";
import { figure, quantile, series } from "../figure.ts";
import { KurobeServer } from "../kurobe-server.ts";
import { rowsPerSecond, sendBodies } from "../load/load.ts";
import { startReceiver } from "../load/receive.ts";
import { type Bodies, tickBodies } from "../ticks.ts";

export const delivery: BenchCase = {
  name: "delivery",
  title: "Alerts heard, rows delivered",
  estimate:
    "An alert: two short queries and one request on loopback, 3 to 5 ms. Rows: as many requests as " +
    "node:http answers beside the engine (about 4,000/s), tens of thousands of rows/s where one " +
    "request carries many.",
  method:
    "Alert: one row a request, each closes the window of the one before, which fires; from its " +
    "acknowledgement to the webhook's body, 300 times a round, one after the other. Delivery: rows are " +
    "stored and written down while the sink is paused; from its resumption until all are delivered. " +
    "Receivers are real servers on the same machine (ClickHouse: chdb behind a shim). Bare fetch: the same " +
    "bodies to the same receiver, four at once. COPY: the same rows into a table with the same key. " +
    "Bare _bulk: the same rows as requests of 1,000 documents with external versions, one after the other.",
  run: async (context) => [...(await runAlerts(context)), ...(await runSinks(context))],
};

const ALERTS = 300;

async function runAlerts(context: Context): Promise<readonly Figure[]> {
  const p50: number[] = [];
  const p99: number[] = [];
  for (let index = 0; index < context.settings.rounds; index++) {
    context.progress(`round ${index + 1}/${context.settings.rounds}: alerts`);
    const latencies = await hearAlerts(context, context.settings.isQuick ? 20 : ALERTS);
    p50.push(quantile(latencies, 0.5));
    p99.push(quantile(latencies, 0.99));
  }
  return [
    figure("row acknowledged to alert received, median", "ms", series("Kurobe", p50)),
    figure("row acknowledged to alert received, p99", "ms", series("Kurobe", p99)),
  ];
}

/** Milliseconds from the acknowledgement of the row to the receipt of its alert. */
async function hearAlerts(context: Context, count: number): Promise<readonly number[]> {
  let expected = "";
  let heard: () => void = () => undefined;
  // What ends is told of, too: only the firing of the window that was closed just now counts.
  await using receiver = await startReceiver((body) => {
    const { row } = JSON.parse(body) as Notification;
    if (row.state === "firing" && row.sensor === expected) heard();
  });
  await using server = await KurobeServer.start({
    project: "alerts",
    data: context.workspace.directory("alerts"),
    settings: { TO: receiver.url },
  });
  const latencies: number[] = [];
  const startMs = Date.UTC(2026, 0, 1);
  for (let index = 0; index <= count; index++) {
    const heardAt = new Promise<number>((resolve) => {
      heard = () => resolve(performance.now());
    });
    expected = `s${index - 1}`;
    const at = new Date(startMs + index * 1000).toISOString();
    await server.send("readings", JSON.stringify({ at, sensor: `s${index}`, value: 100 }));
    const acknowledgedMs = performance.now();
    // The first row closes nothing.
    if (index > 0) latencies.push((await heardAt) - acknowledgedMs);
  }
  return latencies;
}

interface Notification {
  readonly row: { readonly state: string; readonly sensor: string };
}

interface Receiving extends AsyncDisposable {
  readonly to: string;
  /** Milliseconds that something bare needs for the same rows. */
  readonly bare?: { readonly name: string; run(): Promise<number> };
}

interface Kind {
  readonly name: string;
  readonly rows: number;
  open(context: Context, bodies: Bodies): Promise<Receiving>;
}

const MANY = 200_000;
const BODY_ROWS = 10_000;

const KINDS: readonly Kind[] = [
  { name: "webhook", rows: 20_000, open: async (_, { rows }) => openWebhook(rows, 1) },
  {
    name: "webhook-100",
    rows: MANY,
    open: async (_, { rows }) => openWebhook(rows, 100),
  },
  {
    name: "file",
    rows: MANY,
    open: async ({ workspace }) => ({
      to: workspace.directory("files"),
      [Symbol.asyncDispose]: async () => undefined,
    }),
  },
  {
    name: "postgres",
    rows: MANY,
    open: async ({ workspace }, { rows }) => openPostgres(workspace.bodies, rows),
  },
  {
    name: "redis",
    rows: MANY,
    open: async () => {
      const server = await startServer("valkey");
      return {
        to: `redis://127.0.0.1:${server.port}`,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: "influxdb",
    rows: MANY,
    open: async () => {
      const server = await openInflux();
      await server.query("CREATE DATABASE bench");
      return { to: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  },
  {
    name: "clickhouse",
    rows: MANY,
    open: async () => {
      const server = await startClickHouse();
      return { to: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  },
  { name: "elasticsearch", rows: 50_000, open: async (_, bodies) => openSearch(bodies) },
];

async function runSinks(context: Context): Promise<readonly Figure[]> {
  const { settings, workspace } = context;
  const figures: Figure[] = [];
  for (const kind of KINDS) {
    const rows = settings.isQuick ? BODY_ROWS : kind.rows;
    const size = { bodies: rows / BODY_ROWS, bodyRows: BODY_ROWS };
    const bodies = await tickBodies(workspace.bodies, "ndjson", size);
    const rates: number[] = [];
    const bare: number[] = [];
    let peer = "";
    for (let index = 0; index < settings.rounds; index++) {
      context.progress(`round ${index + 1}/${settings.rounds}: ${kind.name}`);
      await using receiving = await kind.open(context, bodies);
      rates.push(rowsPerSecond(rows, await deliver(context, kind.name, receiving.to, bodies)));
      if (receiving.bare === undefined) continue;
      peer = receiving.bare.name;
      bare.push(rowsPerSecond(rows, await receiving.bare.run()));
    }
    const beside: readonly Series[] = bare.length === 0 ? [] : [series(peer, bare)];
    const what = `delivered by ${kind.name}`;
    figures.push(figure(what, "rows/s", series("Kurobe", rates), { beside }));
  }
  return figures;
}

/** Milliseconds from the sink's resumption until everything is delivered. */
async function deliver(
  context: Context,
  sink: string,
  to: string,
  bodies: Bodies,
): Promise<number> {
  await using server = await KurobeServer.start({
    project: "delivery",
    data: context.workspace.directory("delivery"),
    settings: { SINK: sink, TO: to },
  });
  await server.sink("out", "pause");
  await sendBodies(server, bodies);
  await server.checkpoint();
  const startedMs = performance.now();
  await server.sink("out", "resume");
  for (;;) {
    const state = await server.sinkState("out");
    if (state.delivered >= bodies.rows) return performance.now() - startedMs;
    if (state.lastError !== null) throw new Error(`${sink}: ${state.lastError.message}`);
    await delay(20);
  }
}

async function openWebhook(rows: number, batch: number): Promise<Receiving> {
  const receiver = await startReceiver(() => undefined);
  return {
    to: receiver.url,
    bare: { name: "bare fetch", run: () => postBare(receiver.url, rows, batch) },
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}

/** As long as the body of one delivery is. */
const DELIVERY_BYTES = 330;
const AT_ONCE = 4;

async function postBare(url: string, rows: number, batch: number): Promise<number> {
  const body = "x".repeat(DELIVERY_BYTES * batch);
  let left = rows / batch;
  const startedMs = performance.now();
  const post = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await (await fetch(url, { method: "POST", body })).arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, post));
  return performance.now() - startedMs;
}

async function openPostgres(bodies: string, rows: number): Promise<Receiving> {
  const server = await startPostgresServer();
  await server.psql(
    `CREATE TABLE bare (ts timestamptz, symbol text, price double precision, qty bigint,
       PRIMARY KEY (symbol, ts))`,
  );
  const csv = await tickBodies(bodies, "csv", { bodies: rows / BODY_ROWS, bodyRows: BODY_ROWS });
  return {
    to: server.url,
    bare: {
      name: "COPY",
      async run() {
        const startedMs = performance.now();
        await server.psql(
          ...csv.files.map((path) => `COPY bare FROM '${path}' (FORMAT csv, HEADER)`),
        );
        return performance.now() - startedMs;
      },
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function openSearch(bodies: Bodies): Promise<Receiving> {
  const server = await openSearchServer();
  return {
    to: server.url,
    bare: { name: "bare _bulk", run: () => bulkBare(`${server.url}/bare/_bulk`, bodies) },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const DOCUMENTS_A_REQUEST = 1_000;

/** The sink's own requests, made before the clock starts: one after the other, as it sends them. */
async function bulkBare(url: string, { files }: Bodies): Promise<number> {
  const lines = files.flatMap((path) => readFileSync(path, "utf8").trimEnd().split("\n"));
  const actions = lines.map((line, row) => {
    const index = { _id: String(row), version: row + 1, version_type: "external" };
    return `${JSON.stringify({ index })}\n${line}\n`;
  });
  const requests = Array.from({ length: lines.length / DOCUMENTS_A_REQUEST }, (_, at) =>
    actions.slice(at * DOCUMENTS_A_REQUEST, (at + 1) * DOCUMENTS_A_REQUEST).join(""),
  );
  const startedMs = performance.now();
  for (const body of requests) {
    const headers = { "content-type": "application/x-ndjson" };
    const answer = await fetch(`${url}?filter_path=errors`, { method: "POST", headers, body });
    const { errors } = (await answer.json()) as { readonly errors?: boolean };
    if (errors !== false) throw new Error("the index refused documents of the bare loop");
  }
  return performance.now() - startedMs;
}
