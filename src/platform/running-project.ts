/** A whole running Kurobe in this process: project, rooms, and the doors to them. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Logger } from "pino";
import { diskErrorCode } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import { createLog } from "../core/log-output.ts";
import { type RecoveryProgress } from "../engine/open-engine.ts";
import { resolveProject } from "../plan/resolve.ts";
import { loadProject } from "../project/load-project.ts";
import { openQuery, type Query } from "../query/query.ts";
import { DEFAULT_SERVE_SETTINGS, type ServeSettings } from "../serve/serve-settings.ts";
import { openServer } from "../serve/server.ts";
import { type SinkStatus } from "../sinks/sinks.ts";
import { openSources } from "../sources/sources.ts";
import { type EngineOrder, type EngineReport } from "./engine-messages.ts";
import { openPlatform, type Platform } from "./open-platform.ts";
import { type Settings } from "./settings.ts";
import { readTls } from "./tls.ts";
import { readOrMakeToken, tokenPath } from "./token.ts";
import { verifyPlatform } from "./verify-platform.ts";

/** Resident memory beyond the limit that DuckDB keeps to, before running queries are stopped. */
const QUERY_SLACK_BYTES = 1024 ** 3;

export interface RunningProjectDeps {
  readonly onRecovery?: ((progress: RecoveryProgress) => void) | undefined;
  /** A statement ignores its interrupt, or memory runs out: end the process. */
  readonly onStuck: () => void;
}

type Ready = Extract<EngineReport, { readonly kind: "ready" }>;

export interface RunningProject extends AsyncDisposable {
  readonly platform: Platform;
  readonly summary: Omit<Ready, "kind" | "pid">;
  /** Rejects when the engine cannot go on, or another process has taken the data directory over. */
  readonly failed: Promise<never>;
}

export async function openRunningProject(
  order: EngineOrder,
  deps: RunningProjectDeps,
): Promise<RunningProject> {
  await using opening = new Lifetime();
  const { settings } = order;
  const { definition } = await loadProject(order.projectDirectory);
  const plan = resolveProject(definition);
  const dataDirectory = resolve(order.projectDirectory, settings.dataDirectory);
  await makeDataDirectory(dataDirectory);
  const log = createLog(settings.logLevel);
  // The doors open first: while the log is replayed they say so, instead of not being there.
  const serving = await serveSettingsOf(order, dataDirectory);
  const server = opening.own(await openServer(plan, { settings: serving, log }));
  const platform = opening.own(
    await openPlatform(
      plan,
      { ...settings, dataDirectory, acceptDestructive: order.acceptDestructive },
      {
        onRecovery: (progress) => {
          server.recovering(progress);
          deps.onRecovery?.(progress);
        },
        folder: order.projectDirectory,
        onSinkTrouble: (status) => logTrouble(log, status),
      },
    ),
  );
  const { engine, ingest, database, sinks, alarms, lateRows, backfills, replays } = platform;
  const query = opening.own(await openProjectQuery(platform, settings, deps));
  const sources = opening.own(openSources(plan, { ingest, directory: order.projectDirectory }));
  server.open({
    sources: () => sources.status(),
    ingest,
    engine,
    database,
    query,
    sinks,
    alarms,
    lateRows,
    backfills,
    replays,
    verify: (options) => verifyPlatform(platform, options),
  });
  const lifetime = opening.move();
  return {
    platform,
    summary: {
      url: server.url,
      project: plan.name,
      datasets: plan.datasets.length,
      windows: plan.windows.length,
      dataDirectory,
      tokenPath: settings.token === null ? tokenPath(dataDirectory) : null,
      recovered: engine.status().recovered,
      warnings: platform.warnings,
    },
    failed: Promise.race([engine.failed, takenOver(platform)]),
    [Symbol.asyncDispose]: async () => {
      // Requests that are being answered still need the rooms behind the doors.
      await sources[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await lifetime[Symbol.asyncDispose]();
    },
  };
}

async function serveSettingsOf(
  { settings, projectDirectory }: EngineOrder,
  dataDirectory: string,
): Promise<ServeSettings> {
  return {
    ...DEFAULT_SERVE_SETTINGS,
    host: settings.host,
    port: settings.port,
    token: await readOrMakeToken(dataDirectory, settings.token),
    tls: await readTls(projectDirectory, settings),
    allowedHosts: settings.allowedHosts,
    allowedOrigins: settings.allowedOrigins,
    insecure: settings.allowInsecure,
  };
}

async function makeDataDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if (diskErrorCode(error) !== "ENOENT") throw error;
    // Node says so of a read-only disk too. Without `recursive` it gives the system's own reason.
    await mkdir(path);
  }
}

function logTrouble(log: Logger, { name, state, lagRows, lastError }: SinkStatus): void {
  const isTrouble = state === "retrying" || state === "blocked";
  log[isTrouble ? "warn" : "info"](
    { sink: name, state, lagRows, lastError },
    isTrouble ? "a sink does not deliver" : "a sink delivers again",
  );
}

function openProjectQuery(
  { database, engine, directory }: Platform,
  settings: Settings,
  { onStuck }: RunningProjectDeps,
): Promise<Query> {
  return openQuery({
    database,
    relations: engine.relations,
    stagingDirectory: join(directory, "staging"),
    limits: {
      concurrency: settings.queryConcurrency,
      timeLimitMs: settings.queryTimeoutMs,
      maxRows: settings.maxQueryRows,
    },
    // Statements are stopped first; only when that does not help, the process is.
    memory: {
      limitBytes: settings.memoryLimitBytes + QUERY_SLACK_BYTES,
      residentBytes: () => process.memoryUsage.rss(),
    },
    onStuck,
  });
}

function takenOver({ lost, directory }: Platform): Promise<never> {
  return new Promise((_, reject) => {
    lost.addEventListener("abort", () => {
      reject(new KurobeError("KRB_LOG_LOCKED", `another process has taken ${directory} over`));
    });
  });
}
