/** Rows that follow from other rows: filtered, computed, joined; as declared. */
import { BRAND, type Branded } from "./brand.ts";
import { type Column } from "./column.ts";
import { type ColumnName, type Columns, type DatasetDefinition } from "./dataset.ts";
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

export interface StreamSpec<S extends RowSource, P> {
  /** Whose rows it follows, one by one. */
  readonly from: S;
  /** Only rows where this is true. */
  readonly where?: Expression<NameIn<S>, "row", unknown>;
  /**
   * Which columns it has: names, or new names with a column or an expression. Default: all of
   * `from`. The event time and the key are always kept.
   */
  readonly select?: P;
}

/**
 * Declares a stream: rows that are computed from each row of `from` when it comes in, stored like a
 * dataset's own, and readable wherever a dataset is.
 */
export function stream<
  S extends RowSource,
  const P extends Select<NameIn<S>> = readonly NameIn<S>[],
>(spec: StreamSpec<S, P>): StreamDefinition<Selected<P, ColumnsIn<S>>> {
  return Object.freeze({ [BRAND]: "stream" as const, spec });
}
