/** Rows that follow from other rows: filtered, computed, joined; as declared. */
import { BRAND, type Branded } from "./brand.ts";
import { type Column } from "./column.ts";
import { type ColumnName, type Columns, type DatasetDefinition, type Duration } from "./dataset.ts";
import { type Expression } from "./expression.ts";
import { type ReadResult } from "./result.ts";

export interface StreamDefinition<C extends Columns = Columns> extends Branded<"stream"> {
  /** For the compiler only. */
  readonly columns?: C;
  /** As written; `plan/resolve-stream.ts` checks it. */
  readonly spec: unknown;
}

/** A dataset or a stream, or the name of one that is declared elsewhere. */
export type RowSource = DatasetDefinition | StreamDefinition | string;

export type ColumnsIn<S extends RowSource> =
  S extends DatasetDefinition<infer C> ? C : S extends StreamDefinition<infer C> ? C : Columns;

type NameIn<S extends RowSource> =
  S extends DatasetDefinition<infer C>
    ? ColumnName<C>
    : S extends StreamDefinition<infer C>
      ? ColumnName<C>
      : string;

/** Another relation whose columns come beside a row's own. */
export interface JoinDefinition<C extends Columns = Columns> extends Branded<"join"> {
  readonly kind: "lookup" | "within";
  /** For the compiler only. */
  readonly brings?: C;
  /** As written; `plan/resolve-join.ts` checks it. */
  readonly spec: unknown;
}

/** Names that joins bring: those of all of them together. */
type JoinedName<J> = J extends readonly JoinDefinition<infer C>[] ? keyof C & string : never;

type JoinedColumns<J> = J extends readonly [JoinDefinition<infer C>, ...infer Rest]
  ? C & JoinedColumns<Rest>
  : unknown;

type Select<N extends string> =
  | readonly N[]
  | Readonly<Record<string, N | Expression<N, "row", unknown>>>;

interface Computed<R> {
  readonly kind: string;
  readonly read: R;
  readonly write: never;
  readonly nullable: false;
  readonly optional: false;
}

type Selected<P, C extends Columns> = P extends readonly (infer N)[]
  ? { readonly [K in N & keyof C]: C[K] }
  : {
      readonly [K in keyof P]: P[K] extends keyof C
        ? C[P[K]]
        : P[K] extends { readonly result?: infer R }
          ? Column<Computed<ReadResult<R, C>>>
          : Column;
    };

export interface StreamSpec<S extends RowSource, J, P> {
  /** Whose rows it follows, one by one. */
  readonly from: S;
  /** Columns from elsewhere. */
  readonly join?: J;
  /** Only rows where this is true; columns that joins bring may be named too. */
  readonly where?: Expression<NameIn<S> | JoinedName<J>, "row", unknown>;
  /**
   * Which columns it has: names, or new names with a column or an expression. Default: all of
   * `from` and of the joins. The event time and the key are always kept.
   */
  readonly select?: P;
}

/**
 * Declares a stream: rows that are computed from each row of `from` when it comes in, stored like a
 * dataset's own, and readable wherever a dataset is.
 */
export function stream<
  S extends RowSource,
  const J extends readonly JoinDefinition[] = readonly [],
  const P extends Select<NameIn<S> | JoinedName<J>> = readonly (NameIn<S> | JoinedName<J>)[],
>(spec: StreamSpec<S, J, P>): StreamDefinition<Selected<P, ColumnsIn<S> & JoinedColumns<J>>> {
  return Object.freeze({ [BRAND]: "stream" as const, spec });
}

type JoinSelect<N extends string> = readonly N[] | Readonly<Record<string, N>>;

export interface LookupSpec<S extends RowSource, P> {
  /** Columns that have to be equal: `{ user: "id" }` is the row's `user` and the other's `id`. */
  readonly on: Readonly<Record<string, NameIn<S>>>;
  /** The other's columns: names, or new names with theirs. */
  readonly select: P;
  /** What becomes of a row without a partner: `"left"` keeps it with nulls. Default `"left"`. */
  readonly kind?: "left" | "inner";
  /**
   * `"latest"`: the newest row that is there when a row is applied; later ones change nothing any
   * more. `"event_time"`: the newest one that is not after the row, by event time; one that comes
   * in later corrects the rows whose match it is. Default `"latest"`.
   */
  readonly at?: "latest" | "event_time";
  /**
   * With `at: "event_time"`: rows further behind the watermark are not corrected any more. Default:
   * no limit.
   */
  readonly allowedLateness?: Duration;
}

type Brought<P, C extends Columns> = P extends readonly (infer N)[]
  ? { readonly [K in N & keyof C]: C[K] }
  : { readonly [K in keyof P]: P[K] extends keyof C ? C[P[K]] : Column };

/** The columns of one row of a reference beside each row, found by key. */
export function lookup<S extends RowSource, const P extends JoinSelect<NameIn<S>>>(
  reference: S,
  spec: LookupSpec<S, P>,
): JoinDefinition<Brought<P, ColumnsIn<S>>> {
  const written = { with: reference, options: spec };
  return Object.freeze({ [BRAND]: "join" as const, kind: "lookup" as const, spec: written });
}

export interface WithinSpec<S extends RowSource, P> {
  /** Columns that have to be equal: `{ id: "auction" }` is the row's `id` and the other's. */
  readonly on: Readonly<Record<string, NameIn<S>>>;
  /** The other's columns: names, or new names with theirs. */
  readonly select: P;
  /**
   * How much earlier or later than the row the other one is, both ends included: `["-10m", "1h"]`
   * is from ten minutes before to an hour after it.
   */
  readonly between: readonly [Duration, Duration];
}

/** Each row beside each row of the other relation that lies within a bound of event time. */
export function within<S extends RowSource, const P extends JoinSelect<NameIn<S>>>(
  other: S,
  spec: WithinSpec<S, P>,
): JoinDefinition<Brought<P, ColumnsIn<S>>> {
  const written = { with: other, options: spec };
  return Object.freeze({ [BRAND]: "join" as const, kind: "within" as const, spec: written });
}
