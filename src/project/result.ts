/** What an expression gives, as far as the compiler can know it: only types. */
import { type Column } from "./column.ts";
import { type Columns } from "./dataset.ts";

/** The value of a column: known once the window names its dataset. */
export interface ColumnOf<N extends string> {
  readonly column: N;
}

/** The smallest, largest, first or last value of a column; null where there is none. */
export interface PickOf<N extends string> {
  readonly pick: N;
}

/** The sum of a column: a decimal's is a decimal, an integer's an int64. */
export interface SumOf<N extends string> {
  readonly sum: N;
}

export type IntegerOf = number | string | null;
export type BooleanOf = boolean | null;
export type TextOf = string | null;
/** Arithmetic over columns depends on their types: all that can come out of it. */
export type ArithmeticOf<R> = R extends number | null ? R | null : number | string | null;

export type ReadOf<C> =
  C extends Column<infer T> ? (T["nullable"] extends true ? T["read"] | null : T["read"]) : never;

type SumRead<C> =
  C extends Column<infer T>
    ? T extends { readonly kind: "decimal" }
      ? string | null
      : T extends { readonly kind: "float64" }
        ? number | null
        : number | string | null
    : never;

export type ReadResult<R, C extends Columns> =
  R extends ColumnOf<infer N>
    ? N extends keyof C
      ? ReadOf<C[N]>
      : unknown
    : R extends PickOf<infer N>
      ? N extends keyof C
        ? ReadOf<C[N]> | null
        : unknown
      : R extends SumOf<infer N>
        ? N extends keyof C
          ? SumRead<C[N]>
          : unknown
        : R;
