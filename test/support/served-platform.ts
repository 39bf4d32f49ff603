/** The real rooms behind real doors, in a directory of their own, for tests over sockets. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Lifetime } from "../../src/core/lifetime.ts";
import { col, column, count, dataset, defineProject, last, tumbling } from "../../src/index.ts";
import { resolveProject } from "../../src/plan/resolve.ts";
import {
  openPlatform,
  type Platform,
  type PlatformDeps,
  type PlatformSettings,
} from "../../src/platform/open-platform.ts";
import { verifyPlatform } from "../../src/platform/verify-platform.ts";
import { openQuery, type QueryLimits } from "../../src/query/query.ts";
import { type Rooms } from "../../src/serve/rooms.ts";
import { openServer, type Server } from "../../src/serve/server.ts";
import { DEFAULT_SERVE_SETTINGS, type ServeSettings } from "../../src/serve/serve-settings.ts";

export const TOKEN = "token-of-the-tests-0123456789";

/** Trades and a window over them: one-minute bars that late trades correct for an hour. */
const ticks = dataset({
  columns: {
    time: column.timestamp(),
    symbol: column.text(),
    price: column.decimal(12, 4),
    quantity: column.int64(),
  },
  eventTime: "time",
  watermark: { outOfOrderness: "0s" },
});

export const ticksProject = defineProject({
  name: "ticks",
  datasets: { ticks },
  windows: {
    bars: tumbling({
      from: ticks,
      size: "1m",
      by: ["symbol"],
      where: col("quantity").gt(0),
      measure: { close: last("price"), trades: count() },
      allowedLateness: "1h",
    }),
  },
});

/** NDJSON lines of `ticks`, a second apart from 2026-01-01 on; prices are the row's number. */
export function tickLines(rows: number, from = 0): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const time = new Date(Date.UTC(2026, 0, 1) + (from + i) * 1000).toISOString();
    return JSON.stringify({
      time,
      symbol: `S${(from + i) % 3}`,
      price: from + i,
      quantity: 1,
    });
  });
  return `${lines.join("\n")}\n`;
}

const MIB = 1024 * 1024;

export const PLATFORM_SETTINGS: Omit<PlatformSettings, "dataDirectory"> = {
  memoryLimitBytes: 512 * MIB,
  threads: 2,
  checkpointIntervalMs: 3_600_000,
  memoryTableBytes: 256 * MIB,
  maxBodyBytes: 8 * MIB,
  maxPendingBytes: 32 * MIB,
  maxLineBytes: MIB,
  logSegmentBytes: 64 * MIB,
  acceptDestructive: false,
};

export interface ServedOptions {
  /** Kept after closing; without it a new one is made and removed again. */
  readonly directory?: string;
  readonly platform?: Partial<PlatformSettings>;
  readonly deps?: PlatformDeps;
  readonly serve?: Partial<ServeSettings>;
  readonly query?: Partial<QueryLimits>;
  /** Wraps what the doors see of the rooms. */
  readonly wrap?: (rooms: Rooms) => Rooms;
}

export interface Served extends AsyncDisposable {
  readonly platform: Platform;
  readonly server: Server;
  readonly rooms: Rooms;
  readonly directory: string;
  /** Lines that were logged, as JSON. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
  /** `fetch` with the token; a path instead of a URL. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Posts rows; a string is NDJSON. */
  post(
    path: string,
    body: string | Uint8Array,
    headers?: Record<string, string>,
  ): Promise<Response>;
}

export async function openServed(
  definition: unknown,
  options: ServedOptions = {},
): Promise<Served> {
  await using opening = new Lifetime();
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "kurobe-served-")));
  if (options.directory === undefined) {
    opening.defer(() => rm(directory, { recursive: true, force: true }));
  }
  const plan = resolveProject(definition);
  const settings = { ...PLATFORM_SETTINGS, dataDirectory: directory, ...options.platform };
  const platform = opening.own(await openPlatform(plan, settings, options.deps));
  const { engine, ingest, database, sinks, alarms, lateRows, backfills, replays } = platform;
  const query = opening.own(
    await openQuery({
      database,
      relations: engine.relations,
      stagingDirectory: join(directory, "staging"),
      ...(options.query === undefined ? {} : { limits: options.query }),
    }),
  );
  const real: Rooms = {
    ingest,
    engine,
    database,
    query,
    sinks,
    alarms,
    lateRows,
    backfills,
    replays,
    verify: (verifying) => verifyPlatform(platform, verifying),
  };
  const rooms = options.wrap?.(real) ?? real;
  const logged: Record<string, unknown>[] = [];
  const log = pino(
    { level: "debug" },
    { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const server = opening.own(
    await openServer(plan, {
      settings: { ...DEFAULT_SERVE_SETTINGS, token: TOKEN, port: 0, ...options.serve },
      log,
      rooms,
    }),
  );
  const lifetime = opening.move();
  const send = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...(init.headers as object) };
    return fetch(new URL(path, server.url), { ...init, headers });
  };
  return {
    platform,
    server,
    rooms,
    directory,
    logged,
    fetch: send,
    post: (path, body, headers = {}) =>
      send(path, {
        method: "POST",
        body,
        headers: { "content-type": "application/x-ndjson", ...headers },
      }),
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}
