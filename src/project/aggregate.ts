/** What a window measures: aggregates over its rows, and arithmetic over them. */
import { type JsonValue } from "./column.ts";
import { type AggregateOptions, Expression, nodeOf, type ExpressionNode } from "./expression.ts";
import { type ColumnOf, type PickOf, type SumOf } from "./result.ts";

/** An aggregate or an expression over aggregates. */
export type Measure<C extends string = string, R = unknown> = Expression<C, "window", R>;

/** A column's name, or an expression over the columns of a row. */
type Argument<C extends string> = C | Expression<C, "row", unknown>;

/** The name where the argument is a plain column, else never. */
type NameOf<A> =
  A extends Expression<string, "row", infer R> ? (R extends ColumnOf<infer N> ? N : never) : A;

type Read<A> = A extends string ? A : A extends Expression<infer C, "row", unknown> ? C : never;

type Picked<A> = [NameOf<A>] extends [never] ? unknown : PickOf<NameOf<A> & string>;
type Summed<A> = [NameOf<A>] extends [never] ? number | string | null : SumOf<NameOf<A> & string>;

interface AggregateNode {
  readonly kind: "aggregate";
  readonly function: string;
  readonly argument: ExpressionNode | null;
  readonly where: ExpressionNode | null;
  readonly options?: AggregateOptions | undefined;
}

/** One aggregate; `where` narrows the rows that it sees. */
export class Aggregate<C extends string, R> extends Expression<C, "window", R> {
  readonly #aggregate: AggregateNode;

  constructor(node: AggregateNode) {
    super(node);
    this.#aggregate = node;
  }

  /** Only the rows where the condition is true; several are joined by `and`. */
  where<C2 extends string = never>(condition: Expression<C2, "row">): Aggregate<C | C2, R> {
    const earlier = this.#aggregate.where;
    const added = nodeOf(condition);
    const where: ExpressionNode =
      earlier === null ? added : { kind: "call", operator: "and", arguments: [earlier, added] };
    return new Aggregate<C | C2, R>({ ...this.#aggregate, where });
  }
}

function aggregate<C extends string, R>(
  name: string,
  argument: unknown,
  options?: AggregateOptions,
): Aggregate<C, R> {
  const node: ExpressionNode | null =
    argument === undefined
      ? null
      : typeof argument === "string"
        ? { kind: "column", name: argument }
        : nodeOf(argument);
  const base = { kind: "aggregate", function: name, argument: node, where: null } as const;
  return new Aggregate<C, R>(options === undefined ? base : { ...base, options });
}

/** How many rows; with an argument, how many where it is not null. */
export function count<A extends Argument<string> = never>(
  argument?: A,
): Aggregate<Read<A>, number> {
  return aggregate("count", argument);
}

/** How many different values, exactly; null is none. */
export function countDistinct<A extends Argument<string>>(argument: A): Aggregate<Read<A>, number> {
  return aggregate("countDistinct", argument);
}

/**
 * About how many different values, with a standard error of 12 %; null is none. Takes as much
 * memory for millions of values as for a hundred.
 */
export function approxCountDistinct<A extends Argument<string>>(
  argument: A,
): Aggregate<Read<A>, number> {
  return aggregate("approxCountDistinct", argument);
}

/**
 * The value below which a share of all values lies, as float64; null where no value is. `0.5` is
 * the median; between two values it is interpolated.
 */
export function quantile<A extends Argument<string>>(
  argument: A,
  probability: number,
): Aggregate<Read<A>, number | null> {
  return aggregate("quantile", argument, { probability });
}

/** The quantile at one half. */
export function median<A extends Argument<string>>(argument: A): Aggregate<Read<A>, number | null> {
  return quantile(argument, 0.5);
}

/**
 * A quantile of the values rounded to three digits, so it is wrong by at most 0.5 %. Takes bounded
 * memory.
 */
export function approxQuantile<A extends Argument<string>>(
  argument: A,
  probability: number,
): Aggregate<Read<A>, number | null> {
  return aggregate("approxQuantile", argument, { probability });
}

/**
 * The `n` rows with the greatest values, as a list of objects with `rank`, `value` and the columns;
 * null where no value is. Of equal values the earlier row stands first.
 */
export function top<A extends Argument<string>, const C extends string = never>(
  n: number,
  argument: A,
  columns: readonly C[] = [],
): Aggregate<Read<A> | C, JsonValue> {
  return aggregate("top", argument, { n, columns });
}

/**
 * Null where no value is. Integers give int64, decimals decimal(38, scale), floats float64; a float
 * sum does not depend on the order of the rows.
 */
export function sum<A extends Argument<string>>(argument: A): Aggregate<Read<A>, Summed<A>> {
  return aggregate("sum", argument);
}

/** The mean as float64; null where no value is. */
export function avg<A extends Argument<string>>(argument: A): Aggregate<Read<A>, number | null> {
  return aggregate("avg", argument);
}

/** Text compares by code point. */
export function min<A extends Argument<string>>(argument: A): Aggregate<Read<A>, Picked<A>> {
  return aggregate("min", argument);
}

/** Text compares by code point. */
export function max<A extends Argument<string>>(argument: A): Aggregate<Read<A>, Picked<A>> {
  return aggregate("max", argument);
}

/**
 * The value with the smallest event time that is not null; of equal times the one that came first.
 */
export function first<A extends Argument<string>>(argument: A): Aggregate<Read<A>, Picked<A>> {
  return aggregate("first", argument);
}

/**
 * The value with the largest event time that is not null; of equal times the one that came last.
 */
export function last<A extends Argument<string>>(argument: A): Aggregate<Read<A>, Picked<A>> {
  return aggregate("last", argument);
}
