/** The typed expression tree: what conditions and measures are made of, as plain JSON. */
import { type ColumnType, type Constant } from "./plan.ts";

export type ScalarOperator =
  // arithmetic
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "modulo"
  | "negate"
  | "abs"
  | "round"
  | "floor"
  | "ceil"
  // comparison and logic
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  | "and"
  | "or"
  | "not"
  | "isNull"
  | "in"
  | "between"
  // choice
  | "case"
  | "coalesce"
  | "nullIf"
  // text
  | "lower"
  | "upper"
  | "length"
  | "concat"
  | "substring"
  | "replace"
  | "trim"
  | "startsWith"
  | "endsWith"
  | "contains"
  // time
  | "truncate"
  | "extract"
  | "addDuration"
  | "differenceUs"
  // conversion
  | "cast";

export type AggregateFunction =
  | "count"
  | "countDistinct"
  | "approxCountDistinct"
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "first"
  | "last"
  | "quantile"
  | "approxQuantile"
  | "top";

export interface ColumnExpression {
  readonly kind: "column";
  readonly name: string;
  readonly type: ColumnType;
}

export type Expression =
  | ColumnExpression
  | { readonly kind: "constant"; readonly value: Constant; readonly type: ColumnType }
  | {
      readonly kind: "call";
      readonly operator: ScalarOperator;
      readonly arguments: readonly Expression[];
      readonly type: ColumnType;
    };

/**
 * An aggregate over a window's rows, or arithmetic over such aggregates. `first` and `last` skip
 * nulls and order by (event time, position), so ties are decided by position.
 */
export type Aggregate =
  | {
      readonly kind: "aggregate";
      readonly function: AggregateFunction;
      /** Null only for `count()` of rows. */
      readonly argument: Expression | null;
      readonly where: Expression | null;
      readonly type: ColumnType;
      /** Of quantiles: from 0 to 1. */
      readonly probability?: number | undefined;
      /** Of `top`: how many rows, and what is shown of them beside the value. */
      readonly top?:
        | { readonly n: number; readonly columns: readonly ColumnExpression[] }
        | undefined;
    }
  | { readonly kind: "constant"; readonly value: Constant; readonly type: ColumnType }
  | {
      readonly kind: "call";
      readonly operator: ScalarOperator;
      readonly arguments: readonly Aggregate[];
      readonly type: ColumnType;
    };
