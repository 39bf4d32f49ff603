/** Prints one operator after the other: what each of them is in DuckDB. */
import { sql, type Sql } from "../core/sql.ts";
import { type ScalarOperator } from "./expression.ts";
import { type TypedNode } from "./operands.ts";
import { bind, type CallTree, type PrintedCall } from "./print-call.ts";
import { printCast } from "./print-cast.ts";
import { constantSql, typeSql } from "./print-constant.ts";
import { printAddDuration, printExtract, printTruncate } from "./print-time.ts";

type Leaf = Exclude<TypedNode, { readonly kind: "call" | "constant" }>;
type PrintLeaf = (leaf: Leaf) => Sql;

type Printer = (call: PrintedCall) => Sql;

/**
 * As it is stored or grouped by: a float's zero loses its sign, which nothing else would notice.
 */
export function printStored(node: TypedNode, leaf: PrintLeaf): Sql {
  const printed = printScalar(node, leaf);
  return node.type.kind === "float64" ? sql`(${printed} + 0.0::DOUBLE)` : printed;
}

/** Finite or NULL, whatever the operands are. */
export function printScalar(node: TypedNode, leaf: PrintLeaf): Sql {
  const printed = printUnchecked(node, leaf);
  return mayOverflow(node) ? finite(printed) : printed;
}

/**
 * A float chain may give NaN or infinity here; nothing on the way turns those into numbers again.
 */
export function printUnchecked(node: TypedNode, leaf: PrintLeaf): Sql {
  if (node.kind === "constant") return constantSql(node.value, node.type);
  if (node.kind !== "call") return leaf(node);
  const operands = node.arguments.map((operand, index) =>
    staysInfinite(node, index) ? printUnchecked(operand, leaf) : printScalar(operand, leaf),
  );
  const [a = sql`NULL`, b = sql`NULL`, c = sql`NULL`] = operands;
  return PRINTERS[node.operator]({ node, operands, a, b, c });
}

const OVERFLOWING: ReadonlySet<ScalarOperator> = new Set(["add", "subtract", "multiply", "divide"]);
const PASSING: ReadonlySet<ScalarOperator> = new Set(["negate", "abs", "round", "floor", "ceil"]);

/**
 * Whether infinity in this operand is sure to show in the result: then one check at the end does.
 */
function staysInfinite(node: CallTree, index: number): boolean {
  if (node.type.kind !== "float64" || node.arguments[index]?.type.kind !== "float64") return false;
  // `1 / infinity` is 0 and `1 % infinity` is 1, so what stands on the right is checked first.
  const isRight = index > 0 && (node.operator === "divide" || node.operator === "modulo");
  if (isRight) return false;
  return OVERFLOWING.has(node.operator) || PASSING.has(node.operator) || node.operator === "modulo";
}

function mayOverflow(node: TypedNode): boolean {
  if (node.kind !== "call" || node.type.kind !== "float64") return false;
  if (OVERFLOWING.has(node.operator)) return true;
  if (node.operator === "cast") return node.arguments[0]?.type.kind === "text";
  const [operand] = node.arguments;
  return operand !== undefined && staysInfinite(node, 0) && mayOverflow(operand);
}

function finite(value: Sql): Sql {
  return bind(value, (v) => sql`CASE WHEN isfinite(${v}) THEN ${v} END`);
}

function nonZero(value: Sql): Sql {
  return bind(value, (v) => sql`CASE WHEN ${v} <> 0 THEN ${v} END`);
}

/** `TRY` costs nothing until it is needed. Floats do not fail; they overflow to infinity. */
function arithmetic(compute: (a: Sql, b: Sql) => Sql): Printer {
  return ({ node, a, b }) => {
    switch (node.type.kind) {
      case "float64":
        return sql`(${compute(a, b)})`;
      case "decimal":
        return sql`TRY_CAST(TRY(${compute(a, b)}) AS ${typeSql(node.type)})`;
      default:
        return sql`TRY(${compute(a, b)})`;
    }
  };
}

/**
 * DuckDB keeps sums and products of decimals of 18 digits at 18 digits, and fails where they do not
 * fit.
 */
const NARROW_DIGITS = 18;

/** Wide decimals: the sides get the width of the result first; in a sum its scale as well. */
function widened(compute: (a: Sql, b: Sql) => Sql, isAligned: boolean): Printer {
  const print = arithmetic(compute);
  return (call) => {
    const { type } = call.node;
    if (type.kind !== "decimal" || type.precision <= NARROW_DIGITS) return print(call);
    const widen = (side: Sql, index: number): Sql => {
      const own = call.node.arguments[index]?.type;
      const scale = isAligned || own?.kind !== "decimal" ? type.scale : own.scale;
      return sql`TRY_CAST(${side} AS ${typeSql({ ...type, scale })})`;
    };
    return print({ ...call, a: widen(call.a, 0), b: widen(call.b, 1) });
  };
}

function rounding(name: string): Printer {
  return ({ node, operands }) => {
    const [value, digits] = operands;
    const places = digits === undefined ? sql.empty : sql`, CAST(${digits} AS INTEGER)`;
    const rounded = sql`${sql.keyword(name)}(${value ?? sql`NULL`}${places})`;
    if (node.type.kind !== "decimal") return rounded;
    return sql`TRY_CAST(${rounded} AS ${typeSql(node.type)})`;
  };
}

const infix =
  (operator: Sql): Printer =>
  ({ operands }) =>
    sql`(${sql.join(operands, ` ${operator.text} `)})`;

const named =
  (name: string): Printer =>
  ({ operands }) =>
    sql`${sql.keyword(name)}(${sql.join(operands)})`;

const PRINTERS: Readonly<Record<ScalarOperator, Printer>> = {
  add: widened((a, b) => sql`${a} + ${b}`, true),
  subtract: widened((a, b) => sql`${a} - ${b}`, true),
  multiply: widened((a, b) => sql`${a} * ${b}`, false),
  divide: ({ a, b }) => sql`(${a} / ${nonZero(b)})`,
  modulo: arithmetic((a, b) => sql`${a} % ${nonZero(b)}`),
  negate: arithmetic((a) => sql`-(${a})`),
  abs: arithmetic((a) => sql`abs(${a})`),
  round: rounding("round"),
  floor: rounding("floor"),
  ceil: rounding("ceil"),
  eq: infix(sql`=`),
  ne: infix(sql`<>`),
  lt: infix(sql`<`),
  le: infix(sql`<=`),
  gt: infix(sql`>`),
  ge: infix(sql`>=`),
  and: infix(sql`AND`),
  or: infix(sql`OR`),
  not: ({ a }) => sql`(NOT ${a})`,
  isNull: ({ a }) => sql`(${a} IS NULL)`,
  in: ({ a, operands }) => sql`(${a} IN (${sql.join(operands.slice(1))}))`,
  between: ({ a, b, c }) => sql`(${a} BETWEEN ${b} AND ${c})`,
  case: ({ operands }) => {
    const branches: Sql[] = [];
    for (let index = 0; index + 2 < operands.length; index += 2) {
      branches.push(
        sql`WHEN ${operands[index] ?? sql`NULL`} THEN ${operands[index + 1] ?? sql`NULL`}`,
      );
    }
    return sql`CASE ${sql.join(branches, " ")} ELSE ${operands.at(-1) ?? sql`NULL`} END`;
  },
  coalesce: named("coalesce"),
  nullIf: ({ a, b }) => bind(a, (v) => sql`CASE WHEN ${v} = ${b} THEN NULL ELSE ${v} END`),
  lower: named("lower"),
  upper: named("upper"),
  length: named("length"),
  concat: infix(sql`||`),
  substring: named("substring"),
  trim: ({ a }) => sql`trim(${a}, ' ')`,
  replace: named("replace"),
  startsWith: named("starts_with"),
  endsWith: named("ends_with"),
  contains: named("contains"),
  truncate: printTruncate,
  extract: printExtract,
  addDuration: printAddDuration,
  differenceUs: ({ a, b }) => sql`(epoch_us(${a}) - epoch_us(${b}))`,
  cast: printCast,
};
