/**
 * Conditions and measures as values: `col("price").times("qty")` builds a tree and computes
 * nothing.
 */
import { BRAND, isBranded, type Branded } from "./brand.ts";
import {
  type ArithmeticOf,
  type BooleanOf,
  type ColumnOf,
  type IntegerOf,
  type TextOf,
} from "./result.ts";

/** As written, unchecked: `plan/resolve-expression.ts` gives it types. */
export type ExpressionNode =
  | { readonly kind: "column"; readonly name: unknown }
  | { readonly kind: "constant"; readonly value: unknown }
  | {
      readonly kind: "call";
      readonly operator: string;
      readonly arguments: readonly ExpressionNode[];
    }
  | {
      readonly kind: "aggregate";
      readonly function: string;
      readonly argument: ExpressionNode | null;
      readonly where: ExpressionNode | null;
      readonly options?: AggregateOptions | undefined;
    };

/** What some aggregates are told beside their argument, as written. */
export interface AggregateOptions {
  readonly probability?: unknown;
  readonly n?: unknown;
  readonly columns?: unknown;
}

/** `row`: over the columns of one row. `window`: over the aggregates of a window's rows. */
export type Level = "row" | "window";

/** What may stand beside an expression. Text is text: a column is always `col("…")`. */
export type Constant = string | number | bigint | boolean | Date | null;

export type Operand<C extends string, L extends Level> = Expression<C, L, unknown> | Constant;

export type TimeUnit = "second" | "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year";

export type TimePart =
  | "year"
  | "quarter"
  | "month"
  | "week"
  | "day"
  | "dayOfWeek"
  | "dayOfYear"
  | "hour"
  | "minute"
  | "second"
  | "microsecond";

/** `"decimal(18, 4)"` or a plain type's name. */
export type CastTarget =
  | "boolean"
  | "int32"
  | "int64"
  | "float64"
  | "text"
  | "timestamp"
  | "date"
  | `decimal(${number},${number})`
  | `decimal(${number}, ${number})`;

/**
 * A value that is computed: of a row, or of a window's rows. Whatever its type cannot hold (an
 * overflow, a division by zero, a cast that does not fit) is null, and so is any result of null.
 */
export class Expression<
  C extends string = string,
  L extends Level = Level,
  R = unknown,
> implements Branded<"expression"> {
  declare readonly [BRAND]: "expression";
  /** For the compiler only: the columns that it reads, where it may stand, what it gives. */
  declare readonly columns?: C;
  declare readonly level?: L;
  declare readonly result?: R;
  readonly node: ExpressionNode;

  constructor(node: ExpressionNode) {
    this.node = Object.freeze(node);
    Object.defineProperty(this, BRAND, { value: "expression" });
    Object.freeze(this);
  }

  plus<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, ArithmeticOf<R>> {
    return call("add", this, other);
  }
  minus<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, ArithmeticOf<R>> {
    return call("subtract", this, other);
  }
  times<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, ArithmeticOf<R>> {
    return call("multiply", this, other);
  }
  /** Always a float64, also of two integers; by zero it is null. */
  dividedBy<C2 extends string = never>(
    other: Operand<C2, L>,
  ): Expression<C | C2, L, number | null> {
    return call("divide", this, other);
  }
  /** The remainder, with the sign of the left side; by zero it is null. */
  modulo<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, ArithmeticOf<R>> {
    return call("modulo", this, other);
  }
  negate(): Expression<C, L, ArithmeticOf<R>> {
    return call("negate", this);
  }
  abs(): Expression<C, L, ArithmeticOf<R>> {
    return call("abs", this);
  }
  /** Half away from zero, to so many digits after the point. */
  round(digits = 0): Expression<C, L, ArithmeticOf<R>> {
    return call("round", this, digits);
  }
  floor(): Expression<C, L, ArithmeticOf<R>> {
    return call("floor", this);
  }
  ceil(): Expression<C, L, ArithmeticOf<R>> {
    return call("ceil", this);
  }

  eq<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("eq", this, other);
  }
  ne<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("ne", this, other);
  }
  lt<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("lt", this, other);
  }
  le<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("le", this, other);
  }
  gt<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("gt", this, other);
  }
  ge<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("ge", this, other);
  }
  /** Both ends are inside. */
  between<C2 extends string = never, C3 extends string = never>(
    low: Operand<C2, L>,
    high: Operand<C3, L>,
  ): Expression<C | C2 | C3, L, BooleanOf> {
    return call("between", this, low, high);
  }
  in(values: readonly Exclude<Constant, null>[]): Expression<C, L, BooleanOf> {
    return call("in", this, ...values);
  }
  isNull(): Expression<C, L, boolean> {
    return call("isNull", this);
  }
  isNotNull(): Expression<C, L, boolean> {
    return call("not", call("isNull", this));
  }
  /** Null where either side is null and the other does not decide. */
  and<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("and", this, other);
  }
  or<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("or", this, other);
  }
  not(): Expression<C, L, BooleanOf> {
    return call("not", this);
  }

  /** Null where both are equal. */
  nullIf<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, R | null> {
    return call("nullIf", this, other);
  }

  lower(): Expression<C, L, TextOf> {
    return call("lower", this);
  }
  upper(): Expression<C, L, TextOf> {
    return call("upper", this);
  }
  /** In Unicode code points. */
  length(): Expression<C, L, IntegerOf> {
    return call("length", this);
  }
  concat<C2 extends string = never>(
    ...others: readonly Operand<C2, L>[]
  ): Expression<C | C2, L, TextOf> {
    return call("concat", this, ...others);
  }
  /** From the `start`th code point, counted from 1; to the end where no length is given. */
  substring(start: number, length?: number): Expression<C, L, TextOf> {
    return length === undefined
      ? call("substring", this, start)
      : call("substring", this, start, length);
  }
  /** With every occurrence of `search` replaced; an empty search replaces nothing. */
  replace<C2 extends string = never, C3 extends string = never>(
    search: Operand<C2, L>,
    by: Operand<C3, L>,
  ): Expression<C | C2 | C3, L, TextOf> {
    return call("replace", this, search, by);
  }
  /** Without the spaces (U+0020) at both ends. */
  trim(): Expression<C, L, TextOf> {
    return call("trim", this);
  }
  startsWith<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("startsWith", this, other);
  }
  endsWith<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("endsWith", this, other);
  }
  contains<C2 extends string = never>(other: Operand<C2, L>): Expression<C | C2, L, BooleanOf> {
    return call("contains", this, other);
  }

  /** The start of the second, …, year that a timestamp or date lies in, by the clock of `zone`. */
  truncate(unit: TimeUnit, zone = "UTC"): Expression<C, L, TextOf> {
    return call("truncate", this, unit, zone);
  }
  /** What the clock of `zone` shows. `dayOfWeek` is 1 on Mondays, `week` that of ISO 8601. */
  extract(part: TimePart, zone = "UTC"): Expression<C, L, IntegerOf> {
    return call("extract", this, part, zone);
  }
  /** A timestamp moved by a fixed length; `"-5m"` moves it back; a day is 24 hours. */
  plusDuration(duration: string): Expression<C, L, TextOf> {
    return call("addDuration", this, duration);
  }
  /** Microseconds from the other timestamp to this one. */
  microsecondsSince<C2 extends string = never>(
    other: Operand<C2, L>,
  ): Expression<C | C2, L, IntegerOf> {
    return call("differenceUs", this, other);
  }

  /** Null where the value does not fit. Rounds half away from zero. */
  cast(type: CastTarget): Expression<C, L, unknown> {
    return call("cast", this, type);
  }
}

/** A column of the dataset that the window reads. */
export function col<const N extends string>(name: N): Expression<N, "row", ColumnOf<N>> {
  return new Expression({ kind: "column", name });
}

/** The first of them that is not null. */
export function coalesce<C extends string, L extends Level, C2 extends string = never>(
  first: Expression<C, L>,
  ...others: readonly Operand<C2, L>[]
): Expression<C | C2, L, unknown> {
  return call("coalesce", first, ...others);
}

/**
 * `when(condition).then(value).when(…).then(…).otherwise(value)`; the first that is true counts.
 */
export function when<C extends string, L extends Level>(
  condition: Expression<C, L>,
): Condition<C, L> {
  return new Condition<C, L>([], condition);
}

class Condition<C extends string, L extends Level> {
  readonly #branches: readonly unknown[];
  readonly #condition: unknown;

  constructor(branches: readonly unknown[], condition: unknown) {
    this.#branches = branches;
    this.#condition = condition;
  }

  then<C2 extends string = never>(value: Operand<C2, L>): Branches<C | C2, L> {
    return new Branches<C | C2, L>([...this.#branches, this.#condition, value]);
  }
}

class Branches<C extends string, L extends Level> {
  readonly #branches: readonly unknown[];

  constructor(branches: readonly unknown[]) {
    this.#branches = branches;
  }

  when<C2 extends string = never>(condition: Expression<C2, L>): Condition<C | C2, L> {
    return new Condition<C | C2, L>(this.#branches, condition);
  }

  otherwise<C2 extends string = never>(value: Operand<C2, L>): Expression<C | C2, L, unknown> {
    return call("case", ...this.#branches, value);
  }
}

/** What was written in an operand's place: the tree of an expression, or a constant. */
export function nodeOf(operand: unknown): ExpressionNode {
  // By brand: the project file may have come with its own copy of this package.
  if (isBranded(operand, "expression")) return (operand as Expression).node;
  return Object.freeze({ kind: "constant", value: operand });
}

function call<C extends string, L extends Level, R>(
  operator: string,
  ...operands: readonly unknown[]
): Expression<C, L, R> {
  return new Expression({ kind: "call", operator, arguments: operands.map(nodeOf) });
}
