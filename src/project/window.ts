/** Windows over the rows of a dataset or the results of a window, by event time, as declared. */
import { type Measure } from "./aggregate.ts";
import { BRAND, type Branded } from "./brand.ts";
import { type Column } from "./column.ts";
import { type ColumnName, type Columns, type DatasetDefinition, type Duration } from "./dataset.ts";
import { type Expression } from "./expression.ts";
import { type ReadOf, type ReadResult } from "./result.ts";
import { type StreamDefinition } from "./stream.ts";

/** A dataset, a stream or a window: itself, or its name where it is declared elsewhere. */
export type Source = DatasetDefinition | StreamDefinition | WindowDefinition | string;

export type NameIn<S extends Source> =
  S extends DatasetDefinition<infer C>
    ? ColumnName<C>
    : S extends StreamDefinition<infer C>
      ? ColumnName<C>
      : S extends WindowDefinition<infer R>
        ? keyof R & string
        : string;

type ColumnsOf<S extends Source> =
  S extends DatasetDefinition<infer C>
    ? C
    : S extends StreamDefinition<infer C>
      ? C
      : S extends WindowDefinition<infer R>
        ? { readonly [K in keyof R & string]: ResultColumn<R[K]> }
        : Columns;

/** A column of results, by the values that it has there. */
type ResultColumn<T> = Column<{
  readonly kind: string;
  readonly read: NonNullable<T>;
  readonly write: NonNullable<T>;
  readonly nullable: null extends T ? true : false;
  readonly optional: boolean;
}>;

type By<N extends string> =
  | readonly N[]
  | Readonly<Record<string, N | Expression<N, "row", unknown>>>;

interface WindowSpec<S extends Source, B, M> {
  readonly from: S;
  /** One result for each combination of these. */
  readonly by?: B;
  /** Only rows where this is true take part. */
  readonly where?: Expression<NameIn<S>, "row", unknown>;
  readonly measure: M;
  /** How long after its end a window still takes rows in. Default `"0s"`. */
  readonly allowedLateness?: Duration;
  /**
   * `"update"`: late rows inside the lateness correct the result. `"side"`: they only go to
   * `late_rows`. Default `"update"`.
   */
  readonly late?: "update" | "side";
  /**
   * `"close"`: a window has a result when it is over. `"update"`: also while it is open, with
   * revision 0, renewed at most once a `throttle`. Default `"close"`.
   */
  readonly emit?: "close" | "update";
  /** With `emit: "update"`. Default `"1s"`. */
  readonly throttle?: Duration;
}

export interface TumblingSpec<S extends Source, B, M> extends WindowSpec<S, B, M> {
  /** Fixed (`"5m"`, `"6 hours"`) or of the calendar (`"1 day"`, `"1 week"`, `"1 month"`). */
  readonly size: Duration;
  /** The IANA zone of calendar sizes. Default `"UTC"`. */
  readonly timezone?: string;
}

export interface HoppingSpec<S extends Source, B, M> extends TumblingSpec<S, B, M> {
  /** A window begins so often; the size is a multiple of it. */
  readonly every: Duration;
}

export interface SessionSpec<S extends Source, B, M> extends WindowSpec<S, B, M> {
  /** A session is over when no row of its group follows for so long. */
  readonly gap: Duration;
}

export interface WindowDefinition<R = unknown> extends Branded<"window"> {
  readonly kind: "tumbling" | "hopping" | "session";
  /** For the compiler only. */
  readonly row?: R;
  /** As written; `plan/resolve.ts` checks it. */
  readonly spec: unknown;
}

type ByRow<B, C extends Columns> = B extends readonly (infer N)[]
  ? { readonly [K in N & string]: K extends keyof C ? ReadOf<C[K]> : unknown }
  : {
      readonly [K in keyof B]: B[K] extends { readonly result?: infer R }
        ? ReadResult<R, C>
        : B[K] extends keyof C
          ? ReadOf<C[B[K]]>
          : unknown;
    };

type MeasureRow<M, C extends Columns> = {
  readonly [K in keyof M]: M[K] extends { readonly result?: infer R } ? ReadResult<R, C> : never;
};

type Flat<T> = { readonly [K in keyof T]: T[K] };

type WindowRow<S extends Source, B, M> = Flat<
  { readonly window_start: string; readonly window_end: string } & ByRow<B, ColumnsOf<S>> &
    MeasureRow<M, ColumnsOf<S>> & { readonly revision: number }
>;

/**
 * Windows of one size, side by side, half-open: `[start, end)`. Fixed sizes count from 1970-01-01
 * in UTC; calendar sizes follow the clock of `timezone` through its changes.
 */
export function tumbling<
  S extends Source,
  const B extends By<NameIn<S>> = readonly [],
  const M extends Readonly<Record<string, Measure<NameIn<S>>>> = Record<never, never>,
>(spec: TumblingSpec<S, B, M>): WindowDefinition<WindowRow<S, B, M>> {
  return Object.freeze({ [BRAND]: "window" as const, kind: "tumbling" as const, spec });
}

/**
 * Windows that overlap: one of length `size` begins with `every` slide, so that each row belongs to
 * `size / every` of them. Rows are aggregated once for each slide, however long the windows are.
 */
export function hopping<
  S extends Source,
  const B extends By<NameIn<S>> = readonly [],
  const M extends Readonly<Record<string, Measure<NameIn<S>>>> = Record<never, never>,
>(spec: HoppingSpec<S, B, M>): WindowDefinition<WindowRow<S, B, M>> {
  return Object.freeze({ [BRAND]: "window" as const, kind: "hopping" as const, spec });
}

/**
 * Windows as long as a group is active: a row less than `gap` after another one of its group
 * belongs to the same session, which ends a gap after its last row. A session is known by its start
 * and group; a late row that joins two of them takes the later one back.
 */
export function session<
  S extends Source,
  const B extends By<NameIn<S>> = readonly [],
  const M extends Readonly<Record<string, Measure<NameIn<S>>>> = Record<never, never>,
>(spec: SessionSpec<S, B, M>): WindowDefinition<WindowRow<S, B, M>> {
  return Object.freeze({ [BRAND]: "window" as const, kind: "session" as const, spec });
}
