/** Gives the trees that users build their types, and reports what does not fit. */
import { isBranded } from "../project/brand.ts";
import { type ExpressionNode } from "../project/expression.ts";
import { PLAIN_TYPES, typeName } from "./column-type.ts";
import { aggregateType } from "./aggregate-rules.ts";
import { type Aggregate, type Expression, type ScalarOperator } from "./expression.ts";
import { resolveOptions } from "./resolve-aggregate.ts";
import { constantNode, type Operand, type TypedNode } from "./operands.ts";
import { OPERATOR_RULES } from "./operator-rules.ts";
import { type ColumnPlan } from "./plan.ts";
import { didYouMean, type Problems, show } from "./problem.ts";

/** DuckDB's parser and ours recurse; a person's expressions are far from both. */
const MAX_DEPTH = 50;
const MAX_NODES = 2000;

/** The name that users call each operator by, where it is another one. */
const METHODS: Readonly<Partial<Record<ScalarOperator, string>>> = {
  add: "plus",
  subtract: "minus",
  multiply: "times",
  divide: "dividedBy",
  addDuration: "plusDuration",
  differenceUs: "microsecondsSince",
  case: "when",
};

/** What an expression over one row may name. */
export interface RowScope {
  readonly columns: readonly ColumnPlan[];
  /** Declared, but with problems that were reported there: no word about them here. */
  readonly broken: ReadonlySet<string>;
}

type Leaf = (node: ExpressionNode, problems: Problems, depth: number) => TypedNode | undefined;

/** An expression over the columns of one row; undefined where a problem was reported. */
export function resolveExpression(
  value: unknown,
  scope: RowScope,
  problems: Problems,
): Expression | undefined {
  const node = treeOf(value, problems, 'col("price").gt(0)');
  if (node === undefined) return undefined;
  return resolveRowNode(node, scope, problems, 0);
}

/** An aggregate, or an expression over aggregates; undefined where a problem was reported. */
export function resolveMeasure(
  value: unknown,
  scope: RowScope,
  problems: Problems,
): Aggregate | undefined {
  const node = treeOf(value, problems, 'count(), sum("volume"), max("price").minus(min("price"))');
  if (node === undefined) return undefined;
  const leaf: Leaf = (one, at, depth) => {
    if (one.kind === "aggregate") return resolveAggregate(one, scope, at, depth);
    const name = one.kind === "column" ? show(one.name) : "";
    return at.add(
      `the column ${name} of a single row`,
      "an aggregate over the window's rows",
      `first(${name}), max(${name}), sum(${name}), …`,
    );
  };
  return typed(node, leaf, problems, 0) as Aggregate | undefined;
}

function treeOf(value: unknown, problems: Problems, write: string): ExpressionNode | undefined {
  const node = isBranded(value, "expression") ? (value as { node?: unknown }).node : undefined;
  if (typeof node !== "object" || node === null) {
    return problems.add(show(value), "an expression", write);
  }
  if (countNodes(node as ExpressionNode) > MAX_NODES) {
    return problems.add(
      "a huge expression",
      `at most ${MAX_NODES} operators and columns`,
      "split it",
    );
  }
  return node as ExpressionNode;
}

function countNodes(root: ExpressionNode): number {
  let count = 0;
  const rest: ExpressionNode[] = [root];
  for (let node = rest.pop(); node !== undefined && count <= MAX_NODES; node = rest.pop()) {
    count++;
    if (node.kind === "call") rest.push(...node.arguments);
    if (node.kind === "aggregate" && node.argument !== null) rest.push(node.argument);
    if (node.kind === "aggregate" && node.where !== null) rest.push(node.where);
  }
  return count;
}

function resolveRowNode(
  node: ExpressionNode,
  scope: RowScope,
  problems: Problems,
  depth: number,
): Expression | undefined {
  const leaf: Leaf = (one, at) => {
    if (one.kind === "column") return resolveColumn(one.name, scope, at);
    const name = one.kind === "aggregate" ? one.function : "";
    return at.add(`the aggregate ${name}(…)`, "an expression over one row", 'col("price").gt(0)');
  };
  return typed(node, leaf, problems, depth) as Expression | undefined;
}

export function resolveColumn(
  name: unknown,
  scope: RowScope,
  problems: Problems,
): Expression | undefined {
  const column = scope.columns.find((one) => one.name === name);
  if (column !== undefined) return { kind: "column", name: column.name, type: column.type };
  if (scope.broken.has(String(name))) return undefined;
  const names = scope.columns.map((one) => one.name);
  const hint = typeof name === "string" ? didYouMean(name, names) : 'col("price")';
  return problems.add(show(name), "the name of a column", hint);
}

function typed(
  node: ExpressionNode,
  leaf: Leaf,
  problems: Problems,
  depth: number,
): TypedNode | undefined {
  const operand = resolveOperand(node, leaf, problems, depth);
  if (operand === undefined || operand.kind === "typed") return operand?.node;
  return problems.add(show(operand.value), "an expression", 'col("price")');
}

/** Constants keep waiting for the type of what stands beside them. */
function resolveOperand(
  node: ExpressionNode,
  leaf: Leaf,
  problems: Problems,
  depth: number,
): Operand | undefined {
  if (depth > MAX_DEPTH) {
    return problems.add("an expression in an expression in …", `${MAX_DEPTH} levels`, "split it");
  }
  if (node.kind === "constant") return { kind: "constant", value: node.value };
  if (node.kind !== "call") {
    const resolved = leaf(node, problems, depth + 1);
    return resolved && { kind: "typed", node: resolved };
  }
  const operator = node.operator as ScalarOperator;
  const rule = Object.hasOwn(OPERATOR_RULES, operator) ? OPERATOR_RULES[operator] : undefined;
  if (rule === undefined) {
    return problems.add(
      `the operator ${show(node.operator)}`,
      "one of this version",
      "see the docs",
    );
  }
  const method = METHODS[operator] ?? operator;
  const operands = node.arguments.map((one, index) =>
    resolveOperand(one, leaf, problems.at(`${method}[${index}]`), depth + 1),
  );
  if (!operands.every((operand) => operand !== undefined)) return undefined;
  const resolved = rule({ operator, method, operands, problems });
  return resolved && { kind: "typed", node: resolved };
}

function resolveAggregate(
  node: Extract<ExpressionNode, { kind: "aggregate" }>,
  scope: RowScope,
  problems: Problems,
  depth: number,
): Aggregate | undefined {
  const at = problems.at(node.function);
  const before = problems.list.length;
  const argument = node.argument === null ? null : resolveRowNode(node.argument, scope, at, depth);
  const where =
    node.where === null ? null : resolveCondition(node.where, scope, at.at("where"), depth);
  if (argument === undefined || where === undefined || problems.list.length > before) {
    return undefined;
  }
  const result = aggregateType(node.function, argument, at);
  if (result === undefined) return undefined;
  const { function: name, type } = result;
  const told = resolveOptions(name, node.options ?? {}, scope.columns, at);
  return told && { kind: "aggregate", function: name, argument, where, type, ...told };
}

function resolveCondition(
  node: ExpressionNode,
  scope: RowScope,
  problems: Problems,
  depth: number,
): Expression | undefined {
  if (node.kind === "constant" && typeof node.value === "boolean") {
    return constantNode(PLAIN_TYPES.boolean, node.value) as Expression | undefined;
  }
  const condition = resolveRowNode(node, scope, problems, depth);
  return condition && asCondition(condition, problems);
}

/** The expression, if it is true or false of a row. */
export function asCondition(expression: Expression, problems: Problems): Expression | undefined {
  if (expression.type.kind === "boolean") return expression;
  const found = typeName(expression.type);
  return problems.add(found, "a condition", 'compare something, as in col("price").gt(0)');
}
