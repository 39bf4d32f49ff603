/** What each operator takes and gives: the one place that knows the types of expressions. */
import {
  agree,
  callNode,
  castNode,
  operandOf,
  placeOf,
  type Call,
  type TypedNode,
} from "./operands.ts";
import {
  decimalShape,
  decimalType,
  isInteger,
  isNumeric,
  PLAIN_TYPES,
  typeName,
} from "./column-type.ts";
import { castRule } from "./cast-rule.ts";
import { type ScalarOperator } from "./expression.ts";
import { type ColumnType } from "./plan.ts";
import { show } from "./problem.ts";
import { addDurationRule, differenceRule, extractRule, truncateRule } from "./time-rules.ts";

export type Rule = (call: Call) => TypedNode | undefined;

const { boolean, float64, int64, text } = PLAIN_TYPES;
const NUMBERS = ["int32", "int64", "float64", "decimal"] as const;

export const OPERATOR_RULES: Readonly<Record<ScalarOperator, Rule>> = {
  add: arithmetic((a, b) => {
    const scale = Math.max(a.scale, b.scale);
    return decimalType(Math.max(a.precision - a.scale, b.precision - b.scale) + 1 + scale, scale);
  }),
  subtract: arithmetic((a, b) => {
    const scale = Math.max(a.scale, b.scale);
    return decimalType(Math.max(a.precision - a.scale, b.precision - b.scale) + 1 + scale, scale);
  }),
  multiply: arithmetic((a, b) =>
    a.scale + b.scale > 38 ? undefined : decimalType(a.precision + b.precision, a.scale + b.scale),
  ),
  divide: (call) => {
    const pair = numbers(call);
    return (
      pair &&
      callNode(
        "divide",
        pair.nodes.map((node) => castNode(node, float64)),
        float64,
      )
    );
  },
  modulo: (call) => {
    const pair = numbers(call);
    if (pair === undefined) return undefined;
    const type = isInteger(pair.type) ? int64 : pair.type;
    return callNode(
      "modulo",
      pair.nodes.map((node) => castNode(node, type)),
      type,
    );
  },
  negate: unaryNumber,
  abs: unaryNumber,
  round: rounding,
  floor: rounding,
  ceil: rounding,
  eq: comparison,
  ne: comparison,
  lt: comparison,
  le: comparison,
  gt: comparison,
  ge: comparison,
  between: comparison,
  in: (call) => {
    if (call.operands.length > 1) return comparison(call);
    return placeOf(call, 1).add("an empty list", "at least one value", '.in(["a", "b"])');
  },
  and: logic,
  or: logic,
  not: logic,
  isNull: (call) => {
    const [operand] = call.operands;
    if (operand?.kind === "typed") return callNode("isNull", [operand.node], boolean);
    return placeOf(call, 0).add(
      show(operand?.value),
      "a column or an expression",
      'col("x").isNull()',
    );
  },
  case: caseRule,
  coalesce: (call) => {
    const agreed = agree(call);
    if (agreed === undefined) return undefined;
    return callNode(
      "coalesce",
      agreed.nodes.map((node) => castNode(node, agreed.type)),
      agreed.type,
    );
  },
  nullIf: (call) => {
    const agreed = comparable(call);
    if (agreed === undefined) return undefined;
    return callNode(
      "nullIf",
      agreed.nodes.map((node) => castNode(node, agreed.type)),
      agreed.type,
    );
  },
  lower: onText(text),
  upper: onText(text),
  trim: onText(text),
  replace: onText(text),
  length: onText(int64),
  concat: onText(text),
  startsWith: onText(boolean),
  endsWith: onText(boolean),
  contains: onText(boolean),
  substring,
  truncate: truncateRule,
  extract: extractRule,
  addDuration: addDurationRule,
  differenceUs: differenceRule,
  cast: castRule,
};

interface Shape {
  readonly precision: number;
  readonly scale: number;
}

/** Two numbers of any types; anything else is reported. */
function numbers(call: Call): ReturnType<typeof agree> {
  for (const [index, operand] of call.operands.entries()) {
    const isNull = operand.kind === "constant" && operand.value === null;
    const isOther = operand.kind === "typed" && !isNumeric(operand.node.type);
    if (!isNull && !isOther) continue;
    const found = operand.kind === "typed" ? typeName(operand.node.type) : "null";
    return placeOf(call, index).add(found, "a number", numberHint(operand.kind === "typed"));
  }
  return agree(call);
}

function numberHint(isTyped: boolean): string {
  return isTyped ? 'convert it, as in .cast("float64")' : "leave the call out, or give a number";
}

/** Integers give int64, decimals what `decimal` says, and any float64 makes a float64. */
function arithmetic(decimal: (a: Shape, b: Shape) => ColumnType | undefined): Rule {
  return (call) => {
    const pair = numbers(call);
    if (pair === undefined) return undefined;
    const { operator } = call;
    if (pair.type.kind !== "decimal") {
      const type = isInteger(pair.type) ? int64 : float64;
      return callNode(
        operator,
        pair.nodes.map((node) => castNode(node, type)),
        type,
      );
    }
    const [a, b] = pair.nodes.map((node) => decimalShape(node.type));
    if (a === undefined || b === undefined) return undefined;
    const type = decimal(a, b);
    if (type === undefined) {
      return call.problems.add(
        `${a.scale} and ${b.scale} digits after the point`,
        "at most 38 of them in the product",
        'convert one side first, as in .cast("decimal(18, 6)")',
      );
    }
    const operands = pair.nodes.map((node) => castNode(node, asDecimal(node.type)));
    return callNode(operator, operands, type);
  };
}

function asDecimal(type: ColumnType): ColumnType {
  const shape = decimalShape(type);
  return shape === undefined ? type : decimalType(shape.precision, shape.scale);
}

function unaryNumber(call: Call): TypedNode | undefined {
  const node = operandOf(call, 0, NUMBERS, "a number", numberHint(true));
  if (node === undefined) return undefined;
  const type = isInteger(node.type) ? int64 : node.type;
  return callNode(call.operator, [castNode(node, type)], type);
}

const MAX_FLOAT_DIGITS = 15;

/** `round` with its digits, `floor` and `ceil`; whole numbers stay what they are. */
function rounding(call: Call): TypedNode | undefined {
  const node = operandOf(call, 0, NUMBERS, "a number", numberHint(true));
  const digits = call.operator === "round" ? wholeConstant(call, 1, 0, MAX_FLOAT_DIGITS) : 0;
  if (node === undefined || digits === undefined || isInteger(node.type)) return node;
  const operands = call.operator === "round" ? [node, integerNode(digits)] : [node];
  if (node.type.kind !== "decimal") return callNode(call.operator, operands, float64);
  const { precision, scale } = node.type;
  if (digits >= scale) return node;
  return callNode(call.operator, operands, decimalType(precision - scale + digits + 1, digits));
}

function integerNode(value: number): TypedNode {
  return { kind: "constant", value: String(value), type: int64 };
}

/** An operand that must be a plain whole number, because it shapes the result. */
function wholeConstant(call: Call, index: number, min: number, max: number): number | undefined {
  const operand = call.operands[index];
  const value: unknown = operand?.kind === "constant" ? operand.value : undefined;
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  const found = operand?.kind === "typed" ? "an expression" : show(value);
  return placeOf(call, index).add(found, `a whole number from ${min} to ${max}`, `${min}`);
}

/** Operands of one type that has an order; null is reported, since nothing equals it. */
function comparable(call: Call): ReturnType<typeof agree> {
  for (const [index, operand] of call.operands.entries()) {
    if (operand.kind === "constant" && operand.value === null) {
      return placeOf(call, index).add("null", "a value", ".isNull() and .isNotNull() ask for null");
    }
    if (operand.kind !== "typed" || operand.node.type.kind !== "json") continue;
    return placeOf(call, index).add(
      "json",
      "a type that can be compared",
      "store the value that you need in a column of its own",
    );
  }
  return agree(call);
}

function comparison(call: Call): TypedNode | undefined {
  const agreed = comparable(call);
  if (agreed === undefined) return undefined;
  return callNode(
    call.operator,
    agreed.nodes.map((node) => castNode(node, agreed.type)),
    boolean,
  );
}

function logic(call: Call): TypedNode | undefined {
  const write = 'compare something, as in col("price").gt(0)';
  const nodes = call.operands.map((_, index) =>
    operandOf(call, index, ["boolean"], "a condition", write),
  );
  if (!nodes.every((node) => node !== undefined)) return undefined;
  return callNode(call.operator, nodes, boolean);
}

/** Operands: condition, value, condition, value, …, value otherwise. */
function caseRule(call: Call): TypedNode | undefined {
  const lastIndex = call.operands.length - 1;
  const isCondition = (index: number): boolean => index < lastIndex && index % 2 === 0;
  const places = call.operands.map((_, index) => index).filter((index) => !isCondition(index));
  const values = agree(
    call,
    call.operands.filter((_, index) => !isCondition(index)),
    places,
  );
  const write = 'when(col("price").gt(0)).then(…).otherwise(…)';
  const conditions = call.operands.flatMap((_, index) =>
    isCondition(index) ? [operandOf(call, index, ["boolean"], "a condition", write)] : [],
  );
  if (values === undefined) return undefined;
  const { type } = values;
  const nodes: TypedNode[] = [];
  for (const [index, condition] of conditions.entries()) {
    const value = values.nodes[index];
    if (condition === undefined || value === undefined) return undefined;
    nodes.push(condition, castNode(value, type));
  }
  const otherwise = values.nodes.at(-1);
  return otherwise && callNode("case", [...nodes, castNode(otherwise, type)], type);
}

function onText(type: ColumnType): Rule {
  return (call) => {
    const write = 'convert it, as in col("n").cast("text")';
    const nodes = call.operands.map((_, index) => operandOf(call, index, ["text"], "text", write));
    if (!nodes.every((node) => node !== undefined)) return undefined;
    return callNode(call.operator, nodes, type);
  };
}

const MAX_TEXT_LENGTH = 1_000_000_000;

function substring(call: Call): TypedNode | undefined {
  const node = operandOf(call, 0, ["text"], "text", 'convert it, as in .cast("text")');
  const start = wholeConstant(call, 1, 1, MAX_TEXT_LENGTH);
  const hasLength = call.operands.length > 2;
  const length = hasLength ? wholeConstant(call, 2, 0, MAX_TEXT_LENGTH) : 0;
  if (node === undefined || start === undefined || length === undefined) return undefined;
  const operands = hasLength ? [start, length] : [start];
  return callNode("substring", [node, ...operands.map(integerNode)], text);
}
