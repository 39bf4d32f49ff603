/**
 * Every table whose rows are durable: the datasets, and what the engine itself keeps beside them.
 */
import { sql, type Sql } from "../core/sql.ts";
import { LINE_PROTOCOL } from "../plan/line-protocol.ts";
import { type AlertPlan } from "../plan/alert-plan.ts";
import {
  type ColumnPlan,
  type DatasetPlan,
  type Plan,
  type StreamPlan,
  type WindowPlan,
} from "../plan/plan.ts";
import { resultsAsDataset } from "../plan/result-dataset.ts";

/** One table of rows with an event time, kept in memory tables and chunks. */
export interface StoredTable {
  /** Also the name under which `storage/` files it. */
  readonly plan: DatasetPlan;
  /** True where a hidden `_deleted` column can take a row back. */
  readonly hasTombstones: boolean;
  /** True where a merge must not forget what was taken back: a revision goes on from there. */
  readonly keepsTombstones?: boolean;
  /** SQL: which of its rows wait for somebody to do something about them; absent: none does. */
  readonly waits?: Sql;
  /** Where people find it in SQL; null for what is the engine's own. */
  readonly view: { readonly schema: string; readonly name: string } | null;
}

const NO_WATERMARK = { outOfOrdernessUs: 0, idleTimeoutUs: null, maxFutureSkewUs: 0 } as const;

export const RECEIPTS = "_receipts";

export function deadLettersOf(dataset: string): string {
  return `${dataset}.dead_letters`;
}

export function lateRowsOf(dataset: string): string {
  return `${dataset}.late_rows`;
}

/**
 * In a fixed order: datasets and streams with their side tables, window results, the engine's own.
 */
export function storedTables(plan: Plan): readonly StoredTable[] {
  return [
    ...plan.datasets.flatMap((dataset) => [
      { plan: dataset, hasTombstones: false, view: { schema: "main", name: dataset.name } },
      deadLetterTable(dataset.name),
      lateRowTable(dataset),
    ]),
    ...plan.streams.flatMap((stream) => [streamTable(stream), lateRowTable(stream)]),
    ...plan.windows.map(resultTable),
    ...plan.alerts.map(alertTable),
    // Of points whose measurement no dataset takes.
    deadLetterTable(LINE_PROTOCOL),
    receiptTable(),
  ];
}

const text = { kind: "text" } as const;
const int64 = { kind: "int64" } as const;
const timestamp = { kind: "timestamp" } as const;

function required(name: string, type: ColumnPlan["type"]): ColumnPlan {
  return { name, type, nullable: false };
}

function optional(name: string, type: ColumnPlan["type"]): ColumnPlan {
  return { name, type, nullable: true };
}

/**
 * Keyed by (received_at, id), so that a tombstone takes a letter back once it was sent again or
 * purged.
 */
function deadLetterTable(dataset: string): StoredTable {
  return {
    plan: {
      name: deadLettersOf(dataset),
      columns: [
        required("received_at", timestamp),
        required("id", int64),
        required("position", int64),
        required("line", int64),
        optional("column", int64),
        required("reason", text),
        required("format", text),
        required("producer", text),
        required("raw", text),
      ],
      eventTime: "received_at",
      key: ["received_at", "id"],
      watermark: NO_WATERMARK,
      dedup: null,
    },
    hasTombstones: true,
    waits: sql`TRUE`,
    view: { schema: dataset, name: "dead_letters" },
  };
}

/**
 * The row as it is, and what it came too late for. Keyed, so that a replay can mark it: the row is
 * then there once more, and the newer one counts.
 */
function lateRowTable(dataset: DatasetPlan): StoredTable {
  return {
    plan: {
      name: lateRowsOf(dataset.name),
      columns: [
        ...dataset.columns.map((column) => ({ ...column, default: undefined })),
        required("_window", text),
        required("_window_start", timestamp),
        required("_window_end", timestamp),
        required("_watermark", timestamp),
        // Which of the dataset's rows it is, by arrival.
        required("_row", int64),
        // It counts in that window now.
        { ...required("_replayed", { kind: "boolean" }), default: false },
      ],
      eventTime: dataset.eventTime,
      key: [dataset.eventTime, "_row", "_window", "_window_start"],
      watermark: NO_WATERMARK,
      dedup: null,
    },
    hasTombstones: false,
    // What the watermark was not beyond waits for a replay, which sees to it.
    waits: sql`NOT _replayed AND _watermark > _window_start`,
    view: { schema: dataset.name, name: "late_rows" },
  };
}

/** Where rows are replaced, one that no longer belongs into the stream is taken back. */
function streamTable(stream: StreamPlan): StoredTable {
  return {
    plan: stream,
    hasTombstones: stream.key.length > 0,
    view: { schema: "main", name: stream.name },
  };
}

function resultTable(window: WindowPlan): StoredTable {
  return {
    plan: resultsAsDataset(window),
    hasTombstones: true,
    keepsTombstones: true,
    view: { schema: "main", name: window.name },
  };
}

/** One row for each time that a group's state changed; a repetition of one replaces it. */
function alertTable({ name, columns, by }: AlertPlan): StoredTable {
  return {
    plan: {
      name,
      columns,
      eventTime: "changed_at",
      key: ["changed_at", ...by.map((column) => column.name), "state"],
      watermark: NO_WATERMARK,
      dedup: null,
    },
    hasTombstones: false,
    view: { schema: "main", name },
  };
}

/** Answers that were given, so that a repeated request gets the same one. */
function receiptTable(): StoredTable {
  return {
    plan: {
      name: RECEIPTS,
      columns: [
        required("received_at", timestamp),
        required("dataset", text),
        required("key", text),
        required("outcome", text),
      ],
      eventTime: "received_at",
      key: [],
      watermark: NO_WATERMARK,
      dedup: null,
    },
    hasTombstones: false,
    view: null,
  };
}
