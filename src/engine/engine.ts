/**
 * The single writer: takes log entries in, publishes what follows from them, checkpoints and
 * recovers.
 */
import { type BatchEntry, type BodyFormat } from "../log/entry.ts";
import { type DatasetPlan, type Plan } from "../plan/plan.ts";
import { type Change, type ChangePage, type ChangesWanted } from "./changes.ts";
import { type CheckpointRecord } from "./checkpointer.ts";
import { type Exported, type ExportOptions } from "./export.ts";
import { type DatasetCounts } from "./counters.ts";
import { type Outcome } from "./outcome.ts";

export { type Change, type ChangePage, type ChangesWanted, type JsonCell } from "./changes.ts";
export { type Exported, type ExportOptions } from "./export.ts";
export { type CheckpointRecord } from "./checkpointer.ts";
export { type Outcome } from "./outcome.ts";

export type BatchHeader = Omit<BatchEntry, "kind" | "receivedAtUs">;

export interface DeadLetter {
  readonly id: number;
  readonly receivedAtUs: bigint;
  readonly position: number;
  readonly line: number;
  readonly column: number | null;
  readonly reason: string;
  readonly format: BodyFormat;
  readonly raw: string;
}

/** Names of the stored tables that got rows in one committed group, window results included. */
export type CommitListener = (changed: readonly string[]) => void;

export interface ProducerStatus {
  /** Empty for rows that name none. */
  readonly name: string;
  /** Its newest event time. */
  readonly newestUs: bigint;
  readonly lastReceivedUs: bigint;
  /** Silent for the idle timeout: it holds the watermark back no longer. */
  readonly isIdle: boolean;
}

export interface EngineStatus {
  readonly state: "running" | "failed" | "closed";
  readonly appliedPosition: number;
  /** Entries accepted and not yet applied. */
  readonly queuedEntries: number;
  readonly memoryRows: number;
  readonly memoryBytes: number;
  readonly lastCheckpoint: CheckpointRecord | null;
  readonly checkpointRunning: boolean;
  /** Rows cannot be written, or what is in the log cannot be applied or written down. */
  readonly diskFull: boolean;
  readonly recovered: {
    readonly entries: number;
    readonly rows: number;
    readonly elapsedMs: number;
  };
  readonly datasets: readonly (DatasetCounts & {
    readonly name: string;
    readonly storedRows: number;
    readonly chunks: number;
    readonly chunkBytes: number;
    readonly watermarkUs: bigint | null;
    /** How far it is behind the clock. */
    readonly watermarkAgeMs: number | null;
    /** The slowest first, those that are idle last, up to a bound. */
    readonly producers: readonly ProducerStatus[];
    /** Those that wait: that were not sent again or thrown away. */
    readonly deadLetters: number;
    /** Those that do not count in some window, once for each. */
    readonly lateRows: number;
  })[];
  readonly windows: readonly {
    readonly name: string;
    readonly from: string;
    readonly published: number;
    readonly corrected: number;
    /** Windows with rows that are not closed yet; of sessions one a group. */
    readonly open: number;
    readonly closedUntilUs: bigint | null;
  }[];
  readonly log: {
    readonly segments: number;
    readonly bytes: number;
    readonly syncs: number;
    readonly firstPosition: number;
    readonly nextPosition: number;
  };
}

export interface Engine extends AsyncDisposable {
  readonly plan: Plan;
  /** Of the log: another data directory has another one. 32 hexadecimal digits. */
  readonly logId: string;
  /**
   * Writes the batch to the log and applies it. `outcome` resolves when the rows are durable and
   * visible. Throws when the log cannot take it; nothing has happened then.
   */
  submit(
    header: BatchHeader,
    body: Uint8Array,
  ): { readonly position: number; readonly outcome: Promise<Outcome> };
  /**
   * Writes everything in memory down now. Joins one that is running only if it started after the
   * call.
   */
  checkpoint(reason: string): Promise<CheckpointRecord>;
  /** Lets silent producers time out now, instead of at the next look at the clock. */
  tick(): Promise<void>;
  /** Newest first, the ones that the data directory still holds. */
  checkpoints(): readonly CheckpointRecord[];
  status(): EngineStatus;
  onCommit(listener: CommitListener): () => void;
  /** Rejects when the engine cannot go on; the process should then exit and start again. */
  readonly failed: Promise<never>;

  deadLetters(dataset: string, options: { readonly limit: number }): Promise<readonly DeadLetter[]>;
  /**
   * Sends dead letters again (all, or those named). Gives the outcomes of the rows that were sent.
   */
  retryDeadLetters(
    dataset: string,
    ids: readonly number[] | null,
  ): Promise<{ retried: number; accepted: number; rejected: number; duplicates: number }>;
  purgeDeadLetters(dataset: string, ids: readonly number[] | null): Promise<{ purged: number }>;

  /**
   * Sends a stage a command through the log: a replay does the same. Resolves when it is done, with
   * what the stage answers.
   */
  command(stage: string, command: unknown): Promise<unknown>;
  /**
   * Rows of a stored table in the order in which they were written, corrections and rows that were
   * taken back included. Of rows that were merged long ago only the newest of a key is left.
   */
  changes(
    table: string,
    options: { readonly afterSeq: number; readonly limit: number },
  ): Promise<readonly Change[]>;
  /** The same within bounds, for who reads all of a table piece by piece. */
  changePage(table: string, wanted: ChangesWanted): Promise<ChangePage>;

  /** The `seq` that the newest change of a stored table can have; 0 before the first one. */
  lastSeq(table: string): number;

  /**
   * Writes the next rows of a stored table that a checkpoint holds into files of the data
   * directory's staging folder. Null when there are none after `afterSeq`. The caller removes the
   * files.
   */
  exportSettled(table: string, options: ExportOptions): Promise<Exported | null>;
  /** How far a source has come, by its own keys; the least recently changed first. */
  cursors(source: string): ReadonlyMap<string, string>;
  forgetCursors(source: string, keys: readonly string[]): Promise<void>;

  /** What SQL may name: for `query/`. */
  readonly relations: EngineRelations;
}

export interface EngineRelations {
  /** Dataset, window, `<dataset>.dead_letters` and `<dataset>.late_rows` names. */
  names(): readonly string[];
  /** The plan of a stored table as people see it; undefined for unknown names. */
  planOf(name: string): DatasetPlan | undefined;
  /** Changes whenever the relation's rows may have changed; for ETags. */
  versionOf(name: string): string;
  /** While held, no chunk file that a running statement may read is removed. */
  lease(): Disposable;
}
