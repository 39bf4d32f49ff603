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
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "first"
  | "last";

export type Expression =
  | { readonly kind: "column"; readonly name: string; readonly type: ColumnType }
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
    }
  | { readonly kind: "constant"; readonly value: Constant; readonly type: ColumnType }
  | {
      readonly kind: "call";
      readonly operator: ScalarOperator;
      readonly arguments: readonly Aggregate[];
      readonly type: ColumnType;
    };
