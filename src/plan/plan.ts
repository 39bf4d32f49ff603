/**
 * What the machine will run: checked, defaulted, frozen, plain JSON. The only thing that the rooms
 * below read.
 */
import { type Aggregate, type Expression } from "./expression.ts";
import { type AlertPlan } from "./alert-plan.ts";
import { type SinkPlan } from "./sink-plan.ts";
import { type StreamPlan } from "./stream-plan.ts";

export { type SinkPlan } from "./sink-plan.ts";
export { type JoinPlan, type LookupPlan, type StreamPlan, type WithinPlan } from "./stream-plan.ts";

export type ColumnType =
  | {
      readonly kind:
        | "boolean"
        | "int32"
        | "int64"
        | "float64"
        | "text"
        | "timestamp"
        | "date"
        | "json";
    }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number };

/**
 * A constant as JSON can carry it exactly: 64-bit integers, decimals, timestamps and dates as text.
 */
export type Constant = string | number | boolean | null;

export interface ColumnPlan {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Used when the column is missing or null in a row. */
  readonly default?: Constant | undefined;
  /** Instead of a default: the time when the row was received. */
  readonly received?: true;
  /** For timestamps: the IANA zone of text without an offset. Without it such text is refused. */
  readonly zone?: string | undefined;
  /** For timestamps: the unit of plain numbers. Without it numbers are refused. */
  readonly unit?: "s" | "ms" | "us" | "ns" | undefined;
}

export interface WatermarkPlan {
  readonly outOfOrdernessUs: number;
  /** A named producer that sends nothing for this long no longer holds the watermark back. */
  readonly idleTimeoutUs: number | null;
  /** A row further ahead of its received time than this is a dead letter. */
  readonly maxFutureSkewUs: number;
}

export interface DatasetPlan {
  readonly name: string;
  readonly columns: readonly ColumnPlan[];
  /** Name of a non-null timestamp column. */
  readonly eventTime: string;
  /** Upsert key; empty where the dataset has none. */
  readonly key: readonly string[];
  readonly watermark: WatermarkPlan;
  readonly dedup: DedupPlan | null;
  /** Absent: points of the measurement of its name are rows. Null: no points are. */
  readonly lineProtocol?: LineProtocolPlan | null | undefined;
}

export interface LineProtocolPlan {
  /** Sorted. Absent: the one of the dataset's name. */
  readonly measurements?: readonly string[] | undefined;
  /** From tags and fields to the columns that have other names. */
  readonly rename?: Readonly<Record<string, string>> | undefined;
  readonly measurementColumn?: string | undefined;
  /** A json column for tags and fields without a column of their own. */
  readonly rest?: string | undefined;
}

export interface DedupPlan {
  /**
   * Rows equal in these columns, and less than `withinUs` apart in event time, are the same row.
   */
  readonly by: readonly string[];
  readonly withinUs: number;
}

export type WindowSize =
  | { readonly kind: "fixed"; readonly us: number }
  | { readonly kind: "calendar"; readonly unit: "day" | "week" | "month"; readonly count: number };

/** What all kinds of windows have in common. */
interface WindowBase {
  readonly name: string;
  /** The dataset or stream that it reads. */
  readonly from: string;
  readonly by: readonly NamedExpression[];
  readonly where: Expression | null;
  readonly measures: readonly NamedAggregate[];
  readonly allowedLatenessUs: number;
  /**
   * `update`: late rows inside the lateness correct the result. `side`: they only go to
   * `late_rows`.
   */
  readonly late: "update" | "side";
  /** Present: open windows have early results, whose revision is 0. */
  readonly emit?: "update" | undefined;
  /** With `emit`: how often at most. */
  readonly throttleUs?: number | undefined;
  /** window_start, window_end, the by-columns, the measures, revision: in this order. */
  readonly columns: readonly ColumnPlan[];
}

export interface TumblingPlan extends WindowBase {
  readonly kind: "tumbling";
  readonly size: WindowSize;
  /** IANA zone of calendar sizes; "UTC" for fixed ones, which count from the epoch. */
  readonly timezone: string;
}

/** A window begins with every slide and lasts for `panes` of them. */
export interface HoppingPlan extends WindowBase {
  readonly kind: "hopping";
  /** The slide. Its own windows are the panes. */
  readonly every: WindowSize;
  readonly panes: number;
  /** As for tumbling windows. */
  readonly timezone: string;
}

/**
 * Rows of one group, each less than the gap after the one before it; it ends a gap after the last.
 */
export interface SessionPlan extends WindowBase {
  readonly kind: "session";
  readonly gapUs: number;
}

/** Kinds whose windows are the same for all rows. */
export type GridPlan = TumblingPlan | HoppingPlan;

export type WindowPlan = GridPlan | SessionPlan;

export interface NamedExpression {
  readonly name: string;
  readonly type: ColumnType;
  readonly expression: Expression;
}

export interface NamedAggregate {
  readonly name: string;
  readonly type: ColumnType;
  readonly aggregate: Aggregate;
}

export interface SourcePlan {
  readonly kind: "files";
  readonly name: string;
  /** The dataset that its rows go to. */
  readonly into: string;
  /** A pattern, relative to the project file's folder. */
  readonly path: string;
  /** Null: by the file's ending. */
  readonly format: "ndjson" | "json" | "csv" | "parquet" | null;
  readonly follow: boolean;
  readonly settleUs: number;
  readonly everyUs: number;
  readonly after: "keep" | "delete";
}

export interface Plan {
  readonly formatVersion: 1;
  readonly name: string;
  /** Sorted by name. */
  readonly datasets: readonly DatasetPlan[];
  /** Sorted by name. */
  readonly streams: readonly StreamPlan[];
  /** Sorted by name. */
  readonly windows: readonly WindowPlan[];
  /** Sorted by name. */
  readonly sinks: readonly SinkPlan[];
  /** Sorted by name. */
  readonly alerts: readonly AlertPlan[];
  /** Sorted by name. Not part of the fingerprint: nothing that is stored depends on them. */
  readonly sources?: readonly SourcePlan[] | undefined;
  /** SHA-256 of the rest in canonical JSON. */
  readonly fingerprint: string;
}
