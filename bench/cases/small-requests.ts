/**
 * Estimate. A loopback round trip through Node's bare HTTP server costs 40 to 60 µs of one core:
 * about 20,000 requests/s when client and server have a core each. One fdatasync takes 0.2 ms here
 * (5,000/s) and covers every request that waits for it, so with 64 connections the disk is not the
 * limit; the fixed cost of one DuckDB statement (about 0.2 ms, several of them a group) is shared
 * in the same way. Then 64 requests in flight and groups of some ten of them give 3,000 to 6,000
 * acknowledgements/s.
 */
import { type BenchCase, type Context, type Figure } from "../case.ts";
import { startChild } from "../child.ts";
import { figure, interleave, quantile, series } from "../figure.ts";
import { freePort, KurobeServer } from "../kurobe-server.ts";
import { type Target } from "../load/http-connection.ts";
import { type SendSmall, type SentSmall } from "../load/send-small.ts";
import { fdatasyncsPerSecond } from "../peers/disk.ts";
import { startPostgres, type Postgres } from "../peers/postgres.ts";
import { TICKS_START } from "../ticks.ts";

const CONNECTIONS = 64;

export const smallRequests: BenchCase = {
  name: "small",
  title: "Small requests from 64 connections",
  estimate:
    "Bare Node HTTP: about 20,000 requests/s on two cores with the sender on one of them. One fdatasync: " +
    "about 0.2 ms, shared by all requests of a group. Expected: several thousand acknowledgements/s.",
  method:
    "64 keep-alive connections from one other process, each sends its next request when the last one was " +
    "acknowledged; NDJSON; a 5-minute OHLC window is on. Bare HTTP: the same sender against node:http that " +
    "reads the body and answers. PostgreSQL: pgbench, 64 clients, one prepared INSERT a transaction.",
  run: runSmall,
};

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly syncsPerSecond: number;
}

async function runSmall(context: Context): Promise<readonly Figure[]> {
  await using postgres = await startPostgres();
  const figures: Figure[] = [];
  for (const rows of [1, 100]) {
    figures.push(...(await measure(context, rows, rows === 1 ? postgres : null)));
  }
  return figures;
}

async function measure(
  context: Context,
  rowsPerRequest: number,
  postgres: Postgres | null,
): Promise<readonly Figure[]> {
  const { settings, workspace } = context;
  const durationMs = settings.isQuick ? 1_000 : 5_000;
  const disk = workspace.directory("disk");
  const only = (perSecond: number, latencyMs = Number.NaN): Measured => ({
    perSecond,
    p50Ms: latencyMs,
    p99Ms: Number.NaN,
    syncsPerSecond: Number.NaN,
  });
  const results = await interleave<Measured>(
    [
      { name: "kurobe", run: () => throughKurobe(context, rowsPerRequest, durationMs) },
      { name: "http", run: () => throughBareHttp(rowsPerRequest, durationMs / 2) },
      { name: "disk", run: async () => only(fdatasyncsPerSecond(disk, durationMs / 5)) },
      ...(postgres === null
        ? []
        : [{ name: "postgres", run: () => throughPostgres(postgres, durationMs) }]),
    ],
    settings.rounds,
    (text) => context.progress(`${rowsPerRequest}-row requests, ${text}`),
  );
  const of = (name: string, key: keyof Measured): readonly number[] =>
    (results.get(name) ?? []).map((measured) => measured[key]);
  const http = series("bare node:http", of("http", "perSecond"));
  const inserts =
    postgres === null
      ? []
      : [series(`PostgreSQL ${postgres.version} INSERT`, of("postgres", "perSecond"))];
  const what = rowsPerRequest === 1 ? "1 row a request" : `${rowsPerRequest} rows a request`;
  return [
    figure(what, "acknowledgements/s", series("Kurobe", of("kurobe", "perSecond")), {
      beside: [http, ...inserts],
    }),
    figure(`${what}: p50`, "ms", series("Kurobe", of("kurobe", "p50Ms")), {
      beside: [
        series("bare node:http", of("http", "p50Ms")),
        ...(postgres === null ? [] : [series("PostgreSQL mean", of("postgres", "p50Ms"))]),
      ],
    }),
    figure(`${what}: p99`, "ms", series("Kurobe", of("kurobe", "p99Ms")), {
      beside: [series("bare node:http", of("http", "p99Ms"))],
    }),
    figure(`${what}: fdatasyncs`, "per second", series("Kurobe", of("kurobe", "syncsPerSecond")), {
      beside: [series("the disk alone", of("disk", "perSecond"))],
    }),
  ];

  async function throughPostgres(server: Postgres, forMs: number): Promise<Measured> {
    const seconds = Math.max(1, Math.round(forMs / 2000));
    const { perSecond, latencyMs } = await server.insertOneByOne({
      connections: CONNECTIONS,
      seconds,
    });
    return only(perSecond, latencyMs);
  }
}

async function throughKurobe(
  context: Context,
  rowsPerRequest: number,
  durationMs: number,
): Promise<Measured> {
  const data = context.workspace.directory("small");
  await using server = await KurobeServer.start({ project: "ticks", data });
  // Half a second first: the compiler of the server's JavaScript has seen the code then.
  await send(server.target, rowsPerRequest, 500, 0);
  const before = (await server.status()).log.syncs;
  const sent = await send(server.target, rowsPerRequest, durationMs, 3_600);
  const syncs = (await server.status()).log.syncs - before;
  return { ...measuredOf(sent), syncsPerSecond: (syncs * 1000) / sent.elapsedMs };
}

async function throughBareHttp(rowsPerRequest: number, durationMs: number): Promise<Measured> {
  const port = await freePort();
  using bare = await startChild<void>("peers/bare-http.ts", { port });
  const target: Target = { url: `http://127.0.0.1:${port}`, token: "none", dataset: "ticks" };
  await send(target, rowsPerRequest, 500, 0);
  const sent = await send(target, rowsPerRequest, durationMs, 3_600);
  await bare.go();
  return { ...measuredOf(sent), syncsPerSecond: Number.NaN };
}

async function send(
  target: Target,
  rowsPerRequest: number,
  durationMs: number,
  afterSeconds: number,
): Promise<SentSmall> {
  const startUs = (Date.parse(TICKS_START) + afterSeconds * 1000) * 1000;
  const task: SendSmall = {
    ...{ target, rowsPerRequest, durationMs, startUs },
    connections: CONNECTIONS,
    everyUs: 1_000,
  };
  using sender = await startChild<SentSmall>("load/send-small.ts", task);
  return await sender.go();
}

function measuredOf({
  latenciesMs,
  requests,
  elapsedMs,
}: SentSmall): Omit<Measured, "syncsPerSecond"> {
  return {
    perSecond: (requests * 1000) / elapsedMs,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}
