/** What goes into the decoder and what comes out. */
import { type Sql } from "../core/sql.ts";
import { type BatchEntry } from "../log/entry.ts";
import { type RowColumns } from "./row-columns.ts";

/** One log entry of kind `batch`. */
export interface Batch {
  readonly position: number;
  readonly header: BatchEntry;
  readonly body: Uint8Array;
  /** The rows of one dataset in a body of several, already read; `body` is then the whole body. */
  readonly prepared?: PreparedLines | undefined;
}

/** Rows that were judged already, as NDJSON of canonical values. */
export interface PreparedLines {
  readonly pieces: readonly Uint8Array[];
  readonly decoded: Decoded;
}

/** A row that is not valid, with all that is needed to read, mend and send it again. */
export interface Reject {
  /** 1-based line of the body (row, for Parquet). */
  readonly line: number;
  /** 1-based character in the line, where the reason has one. */
  readonly column: number | null;
  readonly reason: string;
  readonly raw: string;
}

/** What became of one batch before the engine's state was looked at. */
export type Decoded =
  | {
      readonly kind: "rows";
      readonly batch: Batch;
      /** Rows of the stage table, which hold the batches one after the other, in order. */
      readonly accepted: number;
      readonly rejects: readonly Reject[];
    }
  /** The body as a whole cannot be taken: nothing of it is stored, and the caller is told why. */
  | {
      readonly kind: "refused";
      readonly batch: Batch;
      readonly reason: string;
      readonly hint: string;
      readonly received: number;
      readonly rejects: readonly Reject[];
    };

export interface EventTimes {
  readonly min: bigint;
  readonly max: bigint;
  /** How far a row stays behind the latest row before it, at most; null where that is not known. */
  readonly disorder: bigint | null;
}

/** Typed and checked rows on their way into a table, in order of arrival. */
export type StagedRows =
  | { readonly kind: "columns"; readonly columns: RowColumns }
  /** A table with the dataset's columns, in order; its `rowid` is the order of arrival. */
  | { readonly kind: "table"; readonly table: Sql };

/** The rows of one or more batches of one dataset. */
export interface Staged extends AsyncDisposable {
  readonly dataset: string;
  readonly content: StagedRows;
  readonly rows: number;
  /** Undefined where no row was accepted. */
  readonly eventTimeUs: EventTimes | undefined;
  readonly decoded: readonly Decoded[];
}

export interface DecodeLimits {
  readonly maxLineBytes: number;
  /** A body with more bad rows than this is refused as a whole. */
  readonly maxRejects: number;
  readonly maxRows: number;
  /** Bound on what a Parquet body may unfold to. */
  readonly maxUnfoldedBytes: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = {
  maxLineBytes: 1024 * 1024,
  maxRejects: 100_000,
  maxRows: 20_000_000,
  maxUnfoldedBytes: 4 * 1024 ** 3,
};
