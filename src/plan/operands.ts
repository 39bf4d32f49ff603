/** Operands on their way to having types: constants take theirs from what stands beside them. */
import { commonType, isNumeric, isSameType, typeName } from "./column-type.ts";
import { constantExample, constantType, decimalTypeOf, exactConstant } from "./constant.ts";
import { type Aggregate, type Expression, type ScalarOperator } from "./expression.ts";
import { type ColumnType } from "./plan.ts";
import { type Problems, show } from "./problem.ts";

/** A typed tree over the columns of a row or over aggregates: the operators do not care which. */
export type TypedNode = Expression | Aggregate;

export type Operand =
  | { readonly kind: "typed"; readonly node: TypedNode }
  | { readonly kind: "constant"; readonly value: unknown };

/** One use of an operator, with the place where each operand's mistakes are reported. */
export interface Call {
  readonly operator: ScalarOperator;
  /** As users write it: `plus`. */
  readonly method: string;
  readonly operands: readonly Operand[];
  readonly problems: Problems;
}

export function callNode(
  operator: ScalarOperator,
  operands: readonly TypedNode[],
  type: ColumnType,
): TypedNode {
  // Rows' and windows' trees differ in their leaves only.
  return { kind: "call", operator, arguments: operands, type } as TypedNode;
}

export function constantNode(type: ColumnType, value: unknown): TypedNode | undefined {
  if (value === null) return { kind: "constant", value: null, type };
  const exact = exactConstant(type, value);
  return exact === undefined ? undefined : { kind: "constant", value: exact, type };
}

/** The node itself where it has the type, else a cast of it. */
export function castNode(node: TypedNode, type: ColumnType): TypedNode {
  if (isSameType(node.type, type)) return node;
  if (node.kind === "constant") {
    const constant = constantNode(type, node.value);
    if (constant !== undefined) return constant;
  }
  return callNode("cast", [node], type);
}

/** What a mistake's path calls the operand. */
export function placeOf(call: Call, index: number): Problems {
  return call.problems.at(`${call.method}[${index}]`);
}

/** The type of a constant beside values of `base`; undefined where it cannot stand there. */
function constantBeside(value: unknown, base: ColumnType): ColumnType | undefined {
  if (!isNumeric(base)) return exactConstant(base, value) === undefined ? undefined : base;
  const own = typeof value === "string" ? decimalTypeOf(value) : constantType(value);
  if (own === undefined || !isNumeric(own)) return undefined;
  // 1.5 beside a decimal is the decimal 1.5, no wider than it must be; beside an integer a float64.
  if (base.kind === "decimal") return decimalTypeOf(value) ?? own;
  return exactConstant(base, value) === undefined ? own : base;
}

export interface Agreement {
  readonly type: ColumnType;
  /** Typed operands as they are, constants with their own type, nulls with the common one. */
  readonly nodes: readonly TypedNode[];
}

/**
 * Finds the type that some of a call's operands have in common, or reports why there is none.
 * `places` are their places among all operands of the call.
 */
export function agree(
  call: Call,
  operands: readonly Operand[] = call.operands,
  places: readonly number[] = operands.map((_, index) => index),
): Agreement | undefined {
  const report = (index: number): Problems => placeOf(call, places[index] ?? index);
  const common = commonTyped(operands, report);
  if (common === null) return undefined;
  const base = common ?? firstConstantType(operands);
  if (base === undefined) {
    report(0).add("null", "a value", "name a column, or give a constant");
    return undefined;
  }
  let type = base;
  const constants = new Map<number, ColumnType>();
  for (const [index, operand] of operands.entries()) {
    if (operand.kind === "typed" || operand.value === null) continue;
    const own = constantBeside(operand.value, base);
    const wider = own === undefined ? undefined : commonType(type, own);
    if (own === undefined || wider === undefined) {
      report(index).add(
        show(operand.value),
        `a constant that can stand beside ${typeName(base)}`,
        constantExample(base),
      );
      return undefined;
    }
    constants.set(index, own);
    type = wider;
  }
  const nodes = operands.map((operand, index) =>
    operand.kind === "typed"
      ? operand.node
      : constantNode(constants.get(index) ?? type, operand.value),
  );
  return nodes.every((node) => node !== undefined) ? { type, nodes } : undefined;
}

/** The common type of the operands that have one: null where it was reported that there is none. */
function commonTyped(
  operands: readonly Operand[],
  report: (index: number) => Problems,
): ColumnType | null | undefined {
  let type: ColumnType | undefined;
  for (const [index, operand] of operands.entries()) {
    if (operand.kind !== "typed") continue;
    const own = operand.node.type;
    const common = type === undefined ? own : commonType(type, own);
    if (common === undefined) {
      report(index).add(
        typeName(own),
        `something that can stand beside ${type === undefined ? "it" : typeName(type)}`,
        'convert one side, as in .cast("text")',
      );
      return null;
    }
    type = common;
  }
  return type;
}

function firstConstantType(operands: readonly Operand[]): ColumnType | undefined {
  for (const operand of operands) {
    const type = operand.kind === "constant" ? constantType(operand.value) : undefined;
    if (type !== undefined) return type;
  }
  return undefined;
}

/** The operand as a node of one of the kinds, or a reported problem. */
export function operandOf(
  call: Call,
  index: number,
  kinds: readonly ColumnType["kind"][],
  expected: string,
  write: string,
): TypedNode | undefined {
  const operand = call.operands[index];
  if (operand?.kind === "typed") {
    if (kinds.includes(operand.node.type.kind)) return operand.node;
    return placeOf(call, index).add(typeName(operand.node.type), expected, write);
  }
  const type = constantType(operand?.value);
  const wanted = type !== undefined && kinds.includes(type.kind) ? type : undefined;
  const node = wanted === undefined ? undefined : constantNode(wanted, operand?.value);
  return node ?? placeOf(call, index).add(show(operand?.value), expected, write);
}
