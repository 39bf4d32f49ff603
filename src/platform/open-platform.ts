/** Opens the rooms in order, closes them in reverse: the only place that knows all of them. */
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../core/clock.ts";
import { type Disk } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { type DecodeLimits, DEFAULT_DECODE_LIMITS } from "../decode/batch.ts";
import { type Database, openDatabase } from "../duckdb/duckdb.ts";
import {
  CheckpointStore,
  openCheckpoint,
  type OpenedCheckpoint,
  removeOrphans,
} from "../engine/checkpoint-store.ts";
import { type Engine } from "../engine/engine.ts";
import { openEngine, type RecoveryProgress } from "../engine/open-engine.ts";
import { type Ingest, openIngest } from "../ingest/ingest.ts";
import { lockDirectory } from "../log/directory-lock.ts";
import { type Log, logDirectory, openLog } from "../log/log.ts";
import { DEFAULT_LOG_SETTINGS } from "../log/log-settings.ts";
import { type Plan } from "../plan/plan.ts";
import { windowStage } from "../windows/window-stage.ts";

/** What the rooms below the doors need to know of the machine. */
export interface PlatformSettings {
  readonly dataDirectory: string;
  readonly memoryLimitBytes: number;
  readonly threads: number;
  readonly checkpointIntervalMs: number;
  readonly memoryTableBytes: number;
  readonly maxBodyBytes: number;
  readonly maxPendingBytes: number;
  readonly maxLineBytes: number;
  readonly logSegmentBytes: number;
  /** Carries out a destructive change of the plan. */
  readonly acceptDestructive: boolean;
}

export interface PlatformDeps {
  readonly disk?: Disk;
  readonly clock?: Clock;
  readonly onRecovery?: ((progress: RecoveryProgress) => void) | undefined;
}

export interface Platform extends AsyncDisposable {
  readonly plan: Plan;
  readonly directory: string;
  readonly disk: Disk;
  readonly database: Database;
  readonly store: CheckpointStore;
  readonly engine: Engine;
  readonly ingest: Ingest;
  /** Aborted when another process has taken the data directory over: stop at once. */
  readonly lost: AbortSignal;
  /** Newer manifests that could not be read, and the tail that the log cut: for the operator's eyes. */
  readonly warnings: readonly string[];
}

/** Temporary files may take this many times the memory limit. */
const TEMPORARY_FACTOR = 4;

/** Everything below the doors. Throws coded errors; what was opened is closed again. */
export async function openPlatform(
  plan: Plan,
  settings: PlatformSettings,
  deps: PlatformDeps = {},
): Promise<Platform> {
  await using opening = new Lifetime();
  const { disk = nodeDisk, clock = systemClock } = deps;
  const directory = resolve(settings.dataDirectory);
  await disk.makeDirectory(directory);
  const lock = opening.own(await lockDirectory(join(directory, "lock"), { disk }));
  const checkpoint = await openCheckpoint(disk, directory);
  await removeOrphans(disk, directory, checkpoint.kept);
  const log = opening.own(await openPlatformLog(directory, settings, { disk, clock }, checkpoint));
  refuseOtherPlan(plan, checkpoint.manifest?.plan ?? null);
  const store = new CheckpointStore({ disk, clock, directory }, plan, log.logId, checkpoint);
  const database = opening.own(await openPlatformDatabase(directory, settings));
  const windows = windowStage(plan);
  const engine = opening.own(
    await openEngine(plan, {
      database,
      disk,
      clock,
      directory,
      log,
      store,
      // Order is the contract: rows first (the engine's own), then the windows over them.
      stages: [windows],
      ticking: windows,
      settings,
      decodeLimits: decodeLimits(settings),
      onRecovery: deps.onRecovery,
    }),
  );
  const ingest = openIngest(plan, { engine, limits: settings });
  const tail = log.cutTail;
  const warnings = [
    ...checkpoint.skipped,
    ...(tail === undefined
      ? []
      : [`${tail.path}: cut ${tail.cutBytes} bytes that no one was told were stored`]),
  ];
  const lifetime = opening.move();
  return {
    plan,
    directory,
    disk,
    database,
    store,
    engine,
    ingest,
    lost: lock.signal,
    warnings,
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}

function openPlatformLog(
  directory: string,
  settings: PlatformSettings,
  deps: { readonly disk: Disk; readonly clock: Clock },
  { manifest }: OpenedCheckpoint,
): Promise<Log> {
  const required =
    manifest === null
      ? {}
      : { required: { logId: manifest.logId, nextPosition: manifest.position + 1 } };
  return openLog(logDirectory(directory), {
    ...deps,
    ...required,
    settings: {
      ...DEFAULT_LOG_SETTINGS,
      segmentBytes: settings.logSegmentBytes,
      maxBodyBytes: settings.maxBodyBytes,
      // The front door holds bodies back long before the log's own queue is full.
      maxPendingBytes: settings.maxPendingBytes * 2,
    },
  });
}

function openPlatformDatabase(directory: string, settings: PlatformSettings): Promise<Database> {
  return openDatabase({
    memoryLimitBytes: settings.memoryLimitBytes,
    threads: settings.threads,
    temporaryDirectory: join(directory, "temporary"),
    maxTemporaryBytes: settings.memoryLimitBytes * TEMPORARY_FACTOR,
    allowedDirectories: [join(directory, "chunks"), join(directory, "staging")],
  });
}

function decodeLimits(settings: PlatformSettings): DecodeLimits {
  return { ...DEFAULT_DECODE_LIMITS, maxLineBytes: settings.maxLineBytes };
}

function refuseOtherPlan(plan: Plan, before: Plan | null): void {
  if (before === null || before.fingerprint === plan.fingerprint) return;
  throw new KurobeError(
    "KRB_ENGINE_PLAN_CHANGE",
    "the project differs from what the data directory holds",
  );
}
