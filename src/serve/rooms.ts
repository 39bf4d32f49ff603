/** What the doors ask of the rooms behind them; `platform/` hands the rooms in. */
import { type Sql } from "../core/sql.ts";
import { type Ingest } from "../ingest/ingest.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { type Query } from "../query/query.ts";

export interface Rooms {
  readonly ingest: Ingest;
  readonly query: Query;
  readonly engine: ServedEngine;
  readonly sinks: ServedSinks;
  readonly alarms: ServedAlarms;
  readonly lateRows: ServedLateRows;
  readonly backfills: ServedBackfills;
  readonly replays: ServedReplays;
  /** For the live doors, which read results as they are published. */
  readonly database: { connect(): Promise<ReadingConnection> };
  /** Plain JSON; left out where nothing is read by itself. */
  readonly sources?: () => readonly object[];
  /**
   * Checks the hash of every durable file. Yields what should be shown, one object a file, and
   * throws the coded error of the first damage that it cannot go on from.
   */
  readonly verify: (options: { readonly signal: AbortSignal }) => AsyncIterable<object>;
}

/** Rows that came too late. `LateRows` of `windows/` fits. */
export interface ServedLateRows {
  list(dataset?: string): Promise<
    readonly {
      readonly dataset: string;
      readonly window: string;
      readonly firstUs: bigint;
      readonly lastUs: bigint;
      readonly latestByUs: bigint;
    }[]
  >;
  replay(
    dataset: string,
    choice: {
      readonly window?: string | undefined;
      readonly fromUs?: bigint | undefined;
      readonly toUs?: bigint | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): AsyncIterable<object>;
}

/** Windows that are computed again over what is stored. `Backfills` of `windows/` fits. */
export interface ServedBackfills {
  list(): readonly ServedBackfill[];
  begin(
    window: string,
    range: { readonly fromUs?: bigint | undefined; readonly toUs?: bigint | undefined },
  ): Promise<ServedBackfill>;
  follow(window: string, signal: AbortSignal): AsyncIterable<ServedBackfill>;
  cancel(window: string): Promise<ServedBackfill>;
}

/** History that comes beside live rows. `Replays` of `windows/` fits. */
export interface ServedReplays {
  checkRoom(dataset: string, name: string): void;
  list(): readonly ServedReplay[];
  begin(dataset: string, name: string, producers: readonly string[]): Promise<ServedReplay>;
  finish(dataset: string, name: string, producer: string): Promise<ServedReplay>;
  end(dataset: string, name: string): Promise<ServedReplay>;
  follow(dataset: string, name: string, signal: AbortSignal): AsyncIterable<ServedReplay>;
}

export interface ServedReplay {
  readonly dataset: string;
  readonly name: string;
  readonly state: string;
  readonly rows: number;
  readonly watermarkUs: bigint | null;
  readonly producers: readonly {
    readonly name: string;
    readonly newestUs: bigint | null;
    readonly isDone: boolean;
  }[];
  readonly waiting: { readonly fromUs: bigint; readonly toUs: bigint } | null;
  readonly changed: object;
  readonly startedUs: bigint;
  readonly changedUs: bigint;
  readonly problem: string | null;
}

export interface ServedBackfill {
  readonly window: string;
  readonly state: string;
  readonly fromUs: bigint;
  readonly toUs: bigint;
  readonly nextUs: bigint;
  readonly startedUs: bigint;
  readonly changedUs: bigint;
}

/** What an operator can see of alerts and tell them. `Alarms` of `alerts/` fits. */
export interface ServedAlarms {
  list(): readonly ServedAlert[];
  silence(
    name: string,
    options: { readonly forUs: number; readonly group: Readonly<Record<string, string>> },
  ): Promise<ServedAlert>;
  unsilence(name: string): Promise<ServedAlert>;
  test(name: string): Promise<ServedAlert>;
}

export interface ServedAlert {
  readonly name: string;
  readonly on: string;
  readonly pending: number;
  readonly firing: number;
  readonly unfollowed: number;
  /** Those in alarm, up to a bound. */
  readonly groups: readonly {
    readonly group: Readonly<Record<string, string | null>>;
    readonly state: string;
    readonly sinceUs: number;
    readonly value: number | null;
    readonly score: number | null;
  }[];
  readonly silences: readonly {
    readonly untilUs: number;
    readonly group: Readonly<Record<string, string>>;
  }[];
}

/** The part of the sinks that is for operators. `Sinks` of `sinks/` fits. */
export interface ServedSinks {
  status(): readonly ServedSink[];
  pause(name: string): Promise<ServedSink>;
  resume(name: string): Promise<ServedSink>;
  retry(name: string): ServedSink;
}

export interface ServedSink {
  readonly name: string;
  readonly kind: string;
  readonly from: string;
  readonly state: string;
  readonly lagRows: number;
  readonly lagMs: number;
  readonly delivered: number;
  readonly skipped: number;
  readonly failures: number;
  readonly lastError: { readonly code: string; readonly message: string } | null;
}

export interface ReadingConnection extends AsyncDisposable {
  rows<T>(statement: Sql, options?: { readonly signal?: AbortSignal }): Promise<T[]>;
}

/** The part of the engine that is for operators and watchers. `Engine` of `engine/` fits. */
export interface ServedEngine {
  status(): ServedStatus;
  checkpoint(reason: string): Promise<ServedCheckpoint>;
  /** Newest first. */
  checkpoints(): readonly ServedCheckpoint[];
  readonly logId: string;
  onCommit(listener: (changed: readonly string[]) => void): () => void;
  /** As they were written; of rows that were merged long ago only the newest of a key. */
  changes(
    table: string,
    options: { readonly afterSeq: number; readonly limit: number },
  ): Promise<readonly ServedChange[]>;
  /** 0 before the first one. */
  lastSeq(table: string): number;
  deadLetters(
    dataset: string,
    options: { readonly limit: number },
  ): Promise<readonly ServedDeadLetter[]>;
  retryDeadLetters(
    dataset: string,
    ids: readonly number[] | null,
  ): Promise<{
    readonly retried: number;
    readonly accepted: number;
    readonly rejected: number;
    readonly duplicates: number;
  }>;
  purgeDeadLetters(
    dataset: string,
    ids: readonly number[] | null,
  ): Promise<{ readonly purged: number }>;
  readonly relations: {
    names(): readonly string[];
    planOf(name: string): DatasetPlan | undefined;
    versionOf(name: string): string;
    lease(): Disposable;
  };
}

export interface ServedChange {
  readonly seq: number;
  /** True where the row takes an earlier one of its key back. */
  readonly isDeleted: boolean;
  readonly row: Readonly<Record<string, string | number | boolean | null>>;
}

export interface ServedCheckpoint {
  readonly number: number;
  readonly position: number;
  readonly createdAtUs: bigint;
  readonly reason: string;
  readonly rows: number;
  readonly chunks: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly pauseMs: number;
}

export interface ServedDeadLetter {
  readonly id: number;
  readonly receivedAtUs: bigint;
  readonly position: number;
  readonly line: number;
  readonly column: number | null;
  readonly reason: string;
  readonly format: string;
  readonly raw: string;
}

export interface ServedDataset {
  readonly name: string;
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
  readonly storedRows: number;
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly watermarkUs: bigint | null;
  readonly watermarkAgeMs: number | null;
  readonly producers: readonly {
    readonly name: string;
    readonly newestUs: bigint;
    readonly lastReceivedUs: bigint;
    readonly isIdle: boolean;
  }[];
  readonly deadLetters: number;
  readonly lateRows: number;
}

export interface ServedWindow {
  readonly name: string;
  readonly from: string;
  readonly published: number;
  readonly corrected: number;
  readonly open: number;
  readonly closedUntilUs: bigint | null;
}

export interface ServedStatus {
  readonly state: "running" | "failed" | "closed";
  readonly appliedPosition: number;
  readonly queuedEntries: number;
  readonly memoryRows: number;
  readonly memoryBytes: number;
  readonly lastCheckpoint: ServedCheckpoint | null;
  readonly checkpointRunning: boolean;
  readonly diskFull: boolean;
  readonly recovered: {
    readonly entries: number;
    readonly rows: number;
    readonly elapsedMs: number;
  };
  readonly datasets: readonly ServedDataset[];
  readonly windows: readonly ServedWindow[];
  readonly log: {
    readonly segments: number;
    readonly bytes: number;
    readonly syncs: number;
    readonly firstPosition: number;
    readonly nextPosition: number;
  };
}
