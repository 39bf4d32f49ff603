/** Opens the rooms in order, closes them in reverse: the only place that knows all of them. */
import { dirname, join, resolve } from "node:path";
import { Alerts } from "../alerts/alerts.ts";
import { openAlarms, type Alarms } from "../alerts/alarms.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { type Disk } from "../core/disk.ts";
import { KurobeError } from "../core/errors.ts";
import { Lifetime } from "../core/lifetime.ts";
import { nodeDisk } from "../core/node-disk.ts";
import { DEFAULT_DECODE_LIMITS } from "../decode/batch.ts";
import { type Database, openDatabase } from "../duckdb/duckdb.ts";
import {
  CheckpointStore,
  openCheckpoint,
  type OpenedCheckpoint,
} from "../engine/checkpoint-store.ts";
import { type Engine } from "../engine/engine.ts";
import { openEngine, type RecoveryProgress } from "../engine/open-engine.ts";
import { type PlanChange, planChange } from "../engine/plan-change.ts";
import { type Ticking } from "../engine/running-engine.ts";
import { type Ingest, openIngest } from "../ingest/ingest.ts";
import { lockDirectory } from "../log/directory-lock.ts";
import { type Log, logDirectory, openLog } from "../log/log.ts";
import { DEFAULT_LOG_SETTINGS } from "../log/log-settings.ts";
import { type Plan } from "../plan/plan.ts";
import { Outbox, withoutDroppedSources } from "../sinks/outbox.ts";
import { openSinks, type Sinks, type SinkStatus } from "../sinks/sinks.ts";
import { sweep } from "../storage/sweep.ts";
import { streamStage, type StreamStage, withStreams } from "../streams/streams.ts";
import { type Backfills, openBackfills } from "../windows/backfills.ts";
import { type LateRows, openLateRows } from "../windows/late-rows.ts";
import { openReplays, type Replays } from "../windows/replays.ts";
import { windowStage, type WindowStage } from "../windows/window-stage.ts";
import { withoutDropped } from "../windows/window-stage-state.ts";

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
  /** Where sinks find their secrets; the process's own by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The project's folder, from which relative paths count; the data directory's own by default. */
  readonly folder?: string;
  /** A receiver has begun, or stopped, to fail. */
  readonly onSinkTrouble?: ((status: SinkStatus) => void) | undefined;
  /** How many rows a backfill or a replay takes at a time; tests take few. */
  readonly backfillRows?: number | undefined;
}

export interface Platform extends AsyncDisposable {
  readonly plan: Plan;
  readonly directory: string;
  readonly disk: Disk;
  readonly database: Database;
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly engine: Engine;
  readonly ingest: Ingest;
  readonly sinks: Sinks;
  readonly alarms: Alarms;
  readonly lateRows: LateRows;
  readonly backfills: Backfills;
  readonly replays: Replays;
  /** Aborted when another process has taken the data directory over: stop at once. */
  readonly lost: AbortSignal;
  /**
   * Newer manifests that could not be read, and the tail that the log cut: for the operator's eyes.
   */
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
  const found = await openCheckpoint(disk, directory);
  await sweep(disk, directory, found.kept);
  const log = opening.own(await openPlatformLog(directory, settings, { disk, clock }, found));
  const below: Below = { directory, disk, clock, log, settings, onRecovery: deps.onRecovery };
  const checkpoint = await changePlan(below, plan, found);
  const store = new CheckpointStore({ disk, clock, directory }, plan, log.logId, checkpoint);
  const { engine, database, windows, alerts, outbox } = opening.own(
    await openRooms(below, plan, store),
  );
  const ingest = openIngest(plan, { engine, limits: settings });
  const { environment = process.env, folder = dirname(directory), onSinkTrouble } = deps;
  const sinks = opening.own(
    await openSinks({ engine, outbox, clock, environment, folder, onTrouble: onSinkTrouble }),
  );
  const connection = await database.connect();
  const lateRows = opening.own(openLateRows({ engine, connection }));
  const backfills = opening.own(
    openBackfills({
      engine,
      windows,
      connection: await database.connect(),
      rowsASlice: deps.backfillRows,
    }),
  );
  const replays = opening.own(
    openReplays({
      engine,
      windows,
      connection: await database.connect(),
      rowsASlice: deps.backfillRows,
    }),
  );
  const lifetime = opening.move();
  return {
    plan,
    directory,
    disk,
    database,
    store,
    log,
    engine,
    ingest,
    sinks,
    alarms: openAlarms({ engine, alerts, clock }),
    lateRows,
    backfills,
    replays,
    lost: lock.signal,
    warnings: warningsOf(found, log),
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}

/** What lies below the engine and stays open when the plan changes. */
interface Below {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: PlatformSettings;
  readonly onRecovery: PlatformDeps["onRecovery"];
}

interface OpenRooms extends AsyncDisposable {
  readonly engine: Engine;
  readonly database: Database;
  readonly windows: WindowStage;
  readonly alerts: Alerts;
  readonly outbox: Outbox;
}

/** A tick is due when it is for one of them. */
function tickingOf(streams: StreamStage, windows: WindowStage, alerts: Alerts): Ticking {
  return {
    nextTickUs: () => {
      const due = [windows.nextTickUs(), alerts.nextTickUs()].filter((one) => one !== null);
      return due.length === 0 ? null : due.reduce((a, b) => (a < b ? a : b));
    },
    watermarkUs: (dataset) => windows.watermarkUs(dataset),
    get hasNewWindows() {
      return windows.hasNewWindows || streams.hasNewStreams;
    },
    get isHurried() {
      return alerts.hasNews;
    },
  };
}

async function openRooms(below: Below, plan: Plan, store: CheckpointStore): Promise<OpenRooms> {
  await using opening = new Lifetime();
  const { settings, ...deps } = below;
  const database = opening.own(await openPlatformDatabase(below.directory, settings));
  const streams = streamStage(plan);
  const windows = windowStage(plan);
  const alerts = new Alerts(plan);
  const outbox = new Outbox(plan);
  const engine = opening.own(
    await openEngine(plan, {
      ...deps,
      database,
      store,
      // Order is the contract: rows first (the engine's own), then the streams that follow from
      // them, then the windows over both, then the alerts on those, then what is to be delivered of
      // all.
      stages: [streams, windows, alerts, outbox],
      ticking: tickingOf(streams, windows, alerts),
      settings,
      decodeLimits: { ...DEFAULT_DECODE_LIMITS, maxLineBytes: settings.maxLineBytes },
    }),
  );
  const lifetime = opening.move();
  return {
    engine,
    database,
    windows,
    alerts,
    outbox,
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}

/** Manifests of earlier versions know nothing of these. */
function declaredSince(manifest: Partial<Plan>): Pick<Plan, "sinks" | "alerts" | "streams"> {
  const { sinks = [], alerts = [], streams = [] } = manifest;
  return { sinks, alerts, streams };
}

/**
 * Brings the data directory from the plan that it was written with to the project's. The log is
 * applied under the old plan first, because only that gives the rows that were acknowledged.
 */
async function changePlan(
  below: Below,
  plan: Plan,
  found: OpenedCheckpoint,
): Promise<OpenedCheckpoint> {
  const { clock, directory, disk, log, settings } = below;
  const manifest = found.manifest?.plan;
  if (manifest === undefined) return begin(below, plan, found);
  const before = { ...manifest, ...declaredSince(manifest) };
  if (before.fingerprint === plan.fingerprint) return found;
  const change = planChange(before, plan);
  refuseChange(change, settings.acceptDestructive);
  const deps = { disk, clock, directory };
  {
    const store = new CheckpointStore(deps, before, log.logId, found);
    await using rooms = await openRooms(below, before, store);
    await rooms.engine.checkpoint("plan change");
  }
  if (change.rekeyed.size > 0) {
    const written = await openCheckpoint(disk, directory);
    await using database = await openPlatformDatabase(directory, settings);
    await using connection = await database.connect();
    await new CheckpointStore(deps, before, log.logId, written).settle(connection, change.rekeyed);
  }
  const last = await openCheckpoint(disk, directory);
  const store = new CheckpointStore(deps, plan, log.logId, last);
  await store.adopt(change, operatorsAfter(store.operatorState, change));
  return openCheckpoint(disk, directory);
}

/**
 * A new directory gets its first manifest before the first row: without it, a project that was
 * edited before the first checkpoint would read old entries as what they never were.
 */
async function begin(below: Below, plan: Plan, found: OpenedCheckpoint): Promise<OpenedCheckpoint> {
  const { clock, directory, disk, log } = below;
  if (log.nextPosition > 1) return found;
  await new CheckpointStore({ disk, clock, directory }, plan, log.logId, found).begin();
  return openCheckpoint(disk, directory);
}

function operatorsAfter(operators: unknown, change: PlanChange): unknown {
  if (operators === null) return null;
  const { stages, ...rest } = operators as { readonly stages: Readonly<Record<string, unknown>> };
  const windows = withoutDropped(stages["windows"], change.dropped);
  const outbox = withoutDroppedSources(stages["outbox"], change.dropped);
  // A directory that had no streams knows from its windows how far event time has come.
  const streams = withStreams(stages["streams"], change.dropped, windows.datasets);
  return { ...rest, stages: { ...stages, streams, windows, outbox } };
}

function refuseChange(change: PlanChange, acceptDestructive: boolean): void {
  const { impossible, destructive } = change;
  if (impossible.length > 0) {
    throw new KurobeError(
      "KRB_ENGINE_PLAN_CHANGE",
      `the project cannot change like this: ${impossible.join("; ")}`,
      { hint: "Take these changes back, or declare a new dataset.", details: { impossible } },
    );
  }
  if (destructive.length > 0 && !acceptDestructive) {
    throw new KurobeError(
      "KRB_ENGINE_PLAN_CHANGE",
      `the project has changed, and data would be lost: ${destructive.join("; ")}`,
      { details: { destructive } },
    );
  }
}

function warningsOf(found: OpenedCheckpoint, log: Log): readonly string[] {
  const tail = log.cutTail;
  if (tail === undefined) return found.skipped;
  return [...found.skipped, `${tail.path}: cut ${tail.cutBytes} bytes that nobody was told of`];
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
