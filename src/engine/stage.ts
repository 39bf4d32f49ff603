/** How rooms downstream take part in the engine's transaction without the engine knowing them. */
import { type Sql } from "../core/sql.ts";
import { type EventTimes } from "../decode/batch.ts";
import { type Transaction } from "./transaction.ts";

/** Rows that have just been stored, in the open transaction. */
export interface AppliedRows {
  readonly dataset: string;
  /** `_seq` of the rows lies in `[firstSeq, endSeq)`; there may be holes. */
  readonly firstSeq: number;
  readonly endSeq: number;
  readonly rows: number;
  readonly eventTimeUs: EventTimes;
  /** All rows are of one producer. */
  readonly producer: string;
  readonly receivedAtUs: bigint;
  /** History: the replay that it belongs to, whose watermark it moves in place of the live one. */
  readonly replay?: string | undefined;
  /**
   * Of a replay beside live rows: the dataset's watermark, which the rows do not move. What they
   * meet is their own, up to this one.
   */
  readonly besideUs?: bigint | null | undefined;
  /** Of rows that a stage has derived from others. */
  readonly derived?: DerivedTime | undefined;
}

/** How event time goes on where rows follow from others, which do not arrive themselves. */
export interface DerivedTime {
  /** After these rows; there may be none, where only time has gone on. */
  readonly watermarkUs: bigint | null;
  /** A sub-select: `_seq` of each row, and `_wm`, the watermark that it met. */
  readonly met: Sql;
}

/**
 * We promise: rows come in log order, and committed rows never come again; `commit` or `rollback`
 * follows each group of calls. Caller promises (the stage): it writes only its own tables, through
 * the transaction; what it keeps in JavaScript changes at `commit`; the same rows give the same
 * result however they are grouped.
 */
export interface Stage {
  readonly name: string;
  /** Late rows (beyond what their windows allow) by `_seq`, for the caller's answer. */
  apply(tx: Transaction, rows: AppliedRows): Promise<readonly number[]>;
  tick(tx: Transaction, receivedAtUs: bigint): Promise<void>;
  /**
   * After an entry of which the log says that no later one is applied together with it: as at a
   * tick, what has come before is the same in every replay.
   */
  groupEnded?(tx: Transaction, receivedAtUs: bigint): Promise<void>;
  /**
   * Rows that it has stored in `apply` or `tick`, for the stages after it; asked for after each
   * call.
   */
  takeDerived?(): readonly AppliedRows[];
  /**
   * A command of this stage's own, as it was given to `Engine.command`; plain JSON. What it gives
   * is for the one who sent the command.
   */
  control?(tx: Transaction, command: unknown, receivedAtUs: bigint): Promise<unknown>;
  /** `position`: the last entry of the group that is now visible. */
  commit(position: number): void;
  rollback(): void;
  /** Plain JSON of what a checkpoint must carry. */
  state(): unknown;
  restore(state: unknown): void;
  /**
   * Called once, after `restore` and before the replay. `nextSeqOf` gives the first free `_seq` of
   * a table, as of the last commit.
   */
  opened?(nextSeqOf: (table: string) => number): void;
  /** For status pages: plain JSON. */
  status(): Readonly<Record<string, unknown>>;
}
