/** One item of the log: what every other room needs to know of it. */

export type BodyFormat = "ndjson" | "json" | "csv" | "parquet" | "lineprotocol";

/** What the numbers that are timestamps count, in line protocol. */
export type TimeUnit = "ns" | "us" | "ms" | "s" | "m" | "h";

/** How far a source has come with one of the things that it reads. */
export interface Cursor {
  readonly source: string;
  readonly key: string;
  /** Only the source knows what it means. */
  readonly value: string;
}

export interface BatchEntry {
  readonly kind: "batch";
  readonly dataset: string;
  readonly format: BodyFormat;
  /** What happens to the good rows of a body that also has bad ones. */
  readonly onInvalid: "dead_letter" | "reject";
  /** UTC, microseconds. The only clock reading that apply may see. */
  readonly receivedAtUs: bigint;
  /** Names the source whose progress the watermark follows; empty where the client named none. */
  readonly producer: string;
  /** What makes a retry recognisable; empty where the client sent nothing. */
  readonly idempotencyKey: string;
  /** Of line protocol only. Absent: nanoseconds. */
  readonly timeUnit?: TimeUnit | undefined;
  /** Where its source goes on once these rows are stored. */
  readonly cursor?: Cursor | undefined;
  /** Its rows are history, which the replay of this name judges by a watermark of its own. */
  readonly replay?: string | undefined;
  /** No later entry is applied together with it: what follows from it is looked at at once. */
  readonly endsGroup?: true | undefined;
}

/** A decision that needed a wall clock, written down so that replay needs none. */
export interface TickEntry {
  readonly kind: "tick";
  readonly receivedAtUs: bigint;
}

/**
 * A change of what the machine runs (a new plan), or an operator's command (dead letters retried,
 * purged).
 */
export interface ControlEntry {
  readonly kind: "control";
  readonly receivedAtUs: bigint;
}

/**
 * The header travels beside the body: a batch's body is its raw bytes (after content decoding), a
 * control's is JSON.
 */
export type EntryHeader = BatchEntry | TickEntry | ControlEntry;

export interface Entry {
  readonly position: number;
  readonly header: EntryHeader;
  readonly body: Uint8Array;
}
